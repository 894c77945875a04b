import {
  createDiffieHellman,
  createECDH,
  createPrivateKey,
  createPublicKey,
  type DiffieHellman,
  diffieHellman,
  type ECDH,
} from 'node:crypto'
import {
  bytesOf,
  type FiniteFieldGroup,
  type FiniteFieldName,
  finiteField,
} from '../../src/crypto/finite-fields.ts'
import { type NamedGroup, namedGroups } from '../../src/crypto/named-groups.ts'
import type { KeyShare, RandomBytes } from '../../src/crypto/provider.ts'
import { Secret } from '../../src/secret.ts'

/** What node:crypto makes of a group; nothing of it is wiped. */
export function nodeKeyShare(group: NamedGroup | FiniteFieldGroup, random: RandomBytes): KeyShare {
  if (typeof group !== 'string') return finiteFieldShare(group, random)
  if (group === 'x25519') return x25519Share(random(32))
  if (namedGroups[group].kind === 'ecdhe') return curveShare(group, random)
  return finiteFieldShare(finiteField(group as FiniteFieldName), random)
}

const share = (publicKey: Uint8Array, agree: (peer: Uint8Array) => Uint8Array): KeyShare => ({
  publicKey: Uint8Array.from(publicKey),
  agree(peer) {
    try {
      return new Secret(Uint8Array.from(agree(peer)))
    } catch {
      return undefined
    }
  },
  wipe: () => {},
})

/** RFC 8410 §7 and §4 around the bytes. */
export function x25519Share(secret: Uint8Array): KeyShare {
  const privateKey = createPrivateKey({
    key: Buffer.concat([Buffer.from('302e020100300506032b656e04220420', 'hex'), secret]),
    type: 'pkcs8',
    format: 'der',
  })
  const publicKey = createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).subarray(-32)
  return share(publicKey, peer => {
    const key = Buffer.concat([Buffer.from('302a300506032b656e032100', 'hex'), peer])
    const peerKey = createPublicKey({ key, type: 'spki', format: 'der' })
    return diffieHellman({ privateKey, publicKey: peerKey })
  })
}

function curveShare(group: NamedGroup, random: RandomBytes): KeyShare {
  const ecdh = createECDH(group === 'secp256r1' ? 'prime256v1' : group)
  setPrivateKey(ecdh, random, { secp256r1: 32, secp384r1: 48 }[group as string] ?? 65)
  return share(ecdh.getPublicKey(), peer => {
    if (peer[0] !== 4) throw new RangeError('node:crypto takes compressed points too')
    return ecdh.computeSecret(peer)
  })
}

/** Draws until the number is below the order of the curve; P-521 gets 65 bytes, which always are. */
function setPrivateKey(ecdh: ECDH, random: RandomBytes, length: number): void {
  for (let draws = 0; ; draws++) {
    try {
      return ecdh.setPrivateKey(random(length))
    } catch (error) {
      if (draws === 9) throw error
    }
  }
}

/** node:crypto tests for a prime whenever it is given one, which takes seconds for the long ones: once will do. */
const fields = new Map<bigint, DiffieHellman>()

function finiteFieldShare({ p, g }: FiniteFieldGroup, random: RandomBytes): KeyShare {
  const dh = fields.get(p) ?? createDiffieHellman(Buffer.from(bytesOf(p)), Buffer.from(bytesOf(g)))
  fields.set(p, dh)
  const exponent = random(32)
  dh.setPrivateKey(exponent)
  const publicKey = dh.generateKeys()
  const padded = Buffer.concat([Buffer.alloc(bytesOf(p).length - publicKey.length), publicKey])
  return share(padded, peer => {
    dh.setPrivateKey(exponent)
    // RFC 5246 §8.1.2: without leading zeros, which node:crypto puts there.
    return bytesOf(BigInt(`0x${dh.computeSecret(peer).toString('hex')}`))
  })
}
