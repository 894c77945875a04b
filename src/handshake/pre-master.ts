/**
 * The premaster secret of RSA key exchange (RFC 5246 §7.4.7.1). A server that lets anyone tell a well-padded
 * ciphertext from another decrypts for him (Bleichenbacher 1998, ROBOT 2017). So there is one outcome: 48
 * bytes, and on to Finished, which fails for whoever did not know them.
 */
import type { PrivateKey } from '../crypto/provider.ts'
import { Secret } from '../secret.ts'
import { ask, type Handshake } from './effects.ts'
import type { Flow } from './flow.ts'
import { receive } from './gate.ts'

const preMasterBytes = 48

/** Waits for ClientKeyExchange and returns 48 bytes, the client's or random ones. `clientVersion` is the one it offered. */
export function* receivePreMaster(hs: Flow, key: PrivateKey, clientVersion: number): Handshake<Secret> {
  const exchange = yield* receive(hs, 'client_key_exchange')
  if (!('encryptedPreMasterSecret' in exchange) || !('modulusLength' in key.publicKey))
    throw new TypeError(`a ${key.publicKey.type} key decrypts no premaster secret`)
  const { modulusLength } = key.publicKey
  // Drawn before anyone knows whether they will be needed.
  const substitute = hs.random(preMasterBytes)
  const block = yield* ask({ kind: 'decryptPreMaster', key, ciphertext: exchange.encryptedPreMasterSecret })
  return new Secret(choosePreMaster(block, modulusLength, clientVersion, substitute))
}

/**
 * Picks the last 48 bytes of a well-formed block, else the substitute, looking at every byte either way.
 * A well-formed block is `00 02 | nonzero padding | 00 | client_version | 46 bytes`, as long as the modulus
 * (RFC 8017 §7.2.1): the premaster's length is known, so everything stands at a fixed place. A refusal
 * (`undefined`, or another length) takes the same path with a block of zeros.
 */
export function choosePreMaster(
  block: Uint8Array | undefined,
  modulusLength: number,
  clientVersion: number,
  substitute: Uint8Array,
): Uint8Array {
  const em = block?.length === modulusLength ? block : new Uint8Array(modulusLength)
  const start = modulusLength - preMasterBytes
  let bad = em[0]! | (em[1]! ^ 2) | em[start - 1]!
  for (let i = 2; i < start - 1; i++) bad |= isZero(em[i]!)
  bad |= em[start]! ^ (clientVersion >> 8)
  bad |= em[start + 1]! ^ (clientVersion & 0xff)
  // 0xff when all was good, 0 otherwise, without a branch.
  const mask = -isZero(bad) & 0xff
  const chosen = new Uint8Array(preMasterBytes)
  for (let i = 0; i < preMasterBytes; i++) chosen[i] = (em[start + i]! & mask) | (substitute[i]! & ~mask)
  em.fill(0)
  substitute.fill(0)
  return chosen
}

/** 1 for 0 and 0 for 1 to 255: only 0 borrows from the bit above. */
function isZero(byte: number): number {
  return ((byte - 1) >> 8) & 1
}
