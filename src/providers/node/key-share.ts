/** Ephemeral Diffie-Hellman. The private half is in a Secret, used once and wiped; OpenSSL wipes its own when it is collected. */
import { createECDH, createPublicKey, diffieHellman } from 'node:crypto'
import { coordinateLength, scalarFromSeed, seedLength } from '../../crypto/elliptic-curves.ts'
import {
  drawExponent,
  readShare,
  requireSound,
  secretBytes,
  shareBytes,
} from '../../crypto/finite-field-exchange.ts'
import {
  type FiniteFieldGroup,
  type FiniteFieldName,
  finiteField,
  numberOf,
} from '../../crypto/finite-fields.ts'
import { type NamedGroup, namedGroups } from '../../crypto/named-groups.ts'
import type { EcCurve, KeyShare, RandomBytes } from '../../crypto/provider.ts'
import { SingleUseShare } from '../../crypto/single-use-share.ts'
import { curvePrivateKeyInfo, dhPrivateKeyInfo, dhPublicKeyInfo } from './der.ts'
import { plainBytes } from './hash.ts'
import { takePrivateKey } from './key-object.ts'

/** A fresh share in a group, named or given by its numbers. Throws TlsError WEAK_DH_GROUP or BAD_DH_GROUP for unfit numbers. */
export function keyShare(group: NamedGroup | FiniteFieldGroup, random: RandomBytes): KeyShare {
  if (typeof group !== 'string') return finiteFieldShare(group, random)
  if (group === 'x25519') return x25519Share(random)
  if (namedGroups[group].kind === 'ecdhe') return curveShare(group as EcCurve, random)
  return finiteFieldShare(finiteField(group as FiniteFieldName), random)
}

/** X25519 (RFC 7748 §5). OpenSSL clamps the scalar; it throws for points of small order, whose result is all zeros. */
function x25519Share(random: RandomBytes): KeyShare {
  const secretKey = Uint8Array.from(random(32))
  const privateKey = takePrivateKey(curvePrivateKeyInfo('x25519', secretKey), 'pkcs8')
  const agree = (u: Uint8Array) => plainBytes(diffieHellman({ privateKey, publicKey: x25519PublicKey(u) }))
  return new SingleUseShare(secretKey, agree(basePoint), peer =>
    peer.length === 32 ? orNone(() => agree(peer)) : undefined,
  )
}

/** u = 9 (RFC 7748 §4.1): to agree with it is to compute a public key, in a third of the time that its export takes. */
const basePoint = Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? 9 : 0))

function x25519PublicKey(u: Uint8Array) {
  const x = Buffer.from(u).toString('base64url')
  return createPublicKey({ key: { kty: 'OKP', crv: 'X25519', x }, format: 'jwk' })
}

const opensslNames = { secp256r1: 'prime256v1', secp384r1: 'secp384r1', secp521r1: 'secp521r1' } as const

/** ECDH on a NIST curve (RFC 8422 §5.10): the premaster secret is the x coordinate, leading zeros and all. */
function curveShare(curve: EcCurve, random: RandomBytes): KeyShare {
  const seed = Uint8Array.from(random(seedLength(curve)))
  const secretKey = scalarFromSeed(curve, seed)
  seed.fill(0)
  const ecdh = createECDH(opensslNames[curve])
  ecdh.setPrivateKey(secretKey)
  return new SingleUseShare(secretKey, plainBytes(ecdh.getPublicKey()), peer => {
    // OpenSSL takes compressed and hybrid points too, which TLS does not; it refuses those off the curve by itself.
    const isUncompressed = peer[0] === 0x04 && peer.length === 1 + 2 * coordinateLength(curve)
    return isUncompressed ? orNone(() => plainBytes(ecdh.computeSecret(peer))) : undefined
  })
}

/** Diffie-Hellman in a finite field (RFC 5246 §8.1.2, RFC 7919 §5): a secret without leading zeros. */
function finiteFieldShare(group: FiniteFieldGroup, random: RandomBytes): KeyShare {
  requireSound(group)
  const exponent = drawExponent(group, random)
  const power = powersIn(group.p, exponent)
  return new SingleUseShare(exponent, shareBytes(group, power(group.g)), peer => {
    const y = readShare(group, peer)
    return y === undefined ? undefined : secretBytes(group, power(y))
  })
}

/**
 * `y^exponent mod p`, as the secret that OpenSSL agrees on with a peer whose share is y. It is told of another generator than the group's:
 * in a group that it knows it would test whether y is a square too, which RFC 7919 §5.1 does not ask for, and which takes longer than the
 * power. A DiffieHellman of node:crypto would test whether p is a prime, which takes seconds (decision 17).
 */
function powersIn(p: bigint, exponent: Uint8Array): (y: bigint) => bigint {
  const group = { p, g: 4n } // 2 is the usual one.
  const privateKey = takePrivateKey(dhPrivateKeyInfo(group, exponent), 'pkcs8')
  return y => {
    const publicKey = createPublicKey({ key: dhPublicKeyInfo(group, y), type: 'spki', format: 'der' })
    // OpenSSL throws for a secret of 0, 1 or p-1, and 0 is one that nobody takes.
    const secret = orNone(() => diffieHellman({ privateKey, publicKey })) ?? new Uint8Array(1)
    const number = numberOf(secret)
    secret.fill(0)
    return number
  }
}

/** OpenSSL throws for what is no public key or gives no secret, which is the peer's fault and no exception here. */
function orNone(compute: () => Uint8Array): Uint8Array | undefined {
  try {
    return compute()
  } catch {
    return undefined
  }
}
