/** Ephemeral Diffie-Hellman: the private half is in a Secret, used once and wiped. */
import { x25519 } from '@noble/curves/ed25519.js'
import {
  drawExponent,
  readShare,
  requireSound,
  secretBytes,
  shareBytes,
} from '../../crypto/finite-field-exchange.ts'
import { type FiniteFieldGroup, type FiniteFieldName, finiteField } from '../../crypto/finite-fields.ts'
import { type NamedGroup, namedGroups } from '../../crypto/named-groups.ts'
import type { EcCurve, KeyShare, RandomBytes } from '../../crypto/provider.ts'
import { SingleUseShare } from '../../crypto/single-use-share.ts'
import { curves } from './curves.ts'
import { power } from './power.ts'

/** A fresh share in a group, named or given by its numbers. Throws TlsError WEAK_DH_GROUP or BAD_DH_GROUP for unfit numbers. */
export function keyShare(group: NamedGroup | FiniteFieldGroup, random: RandomBytes): KeyShare {
  if (typeof group !== 'string') return finiteFieldShare(group, random)
  if (group === 'x25519') return x25519Share(random)
  if (namedGroups[group].kind === 'ecdhe') return curveShare(group as EcCurve, random)
  return finiteFieldShare(finiteField(group as FiniteFieldName), random)
}

/** X25519 (RFC 7748 §5). noble clamps the scalar; it throws for another length and for points of small order, whose result is all zeros. */
function x25519Share(random: RandomBytes): KeyShare {
  const secretKey = Uint8Array.from(random(32))
  return new SingleUseShare(secretKey, x25519.getPublicKey(secretKey), peer => {
    try {
      return x25519.getSharedSecret(secretKey, peer)
    } catch {
      return undefined
    }
  })
}

/** ECDH on a NIST curve (RFC 8422 §5.10): the premaster secret is the x coordinate, leading zeros and all. */
function curveShare(name: EcCurve, random: RandomBytes): KeyShare {
  const curve = curves[name]
  const seed = Uint8Array.from(random(curve.lengths.seed!)) // 50 % longer than the order, so that no scalar is preferred.
  const secretKey = curve.utils.randomSecretKey(seed)
  seed.fill(0)
  return new SingleUseShare(secretKey, curve.getPublicKey(secretKey, false), peer => {
    // A point off the curve, on a weaker one of the attacker's choice, would give the scalar away bit by bit.
    if (!curve.utils.isValidPublicKey(peer, false)) return undefined
    const point = curve.getSharedSecret(secretKey, peer, true)
    const x = point.slice(1)
    point.fill(0)
    return x
  })
}

/** Diffie-Hellman in a finite field (RFC 5246 §8.1.2, RFC 7919 §5): a secret without leading zeros. */
function finiteFieldShare(group: FiniteFieldGroup, random: RandomBytes): KeyShare {
  requireSound(group)
  const exponent = drawExponent(group, random)
  const publicKey = shareBytes(group, power(group.g, exponent, group.p))
  return new SingleUseShare(exponent, publicKey, peer => {
    const y = readShare(group, peer)
    return y === undefined ? undefined : secretBytes(group, power(y, exponent, group.p))
  })
}
