/** A worker of key-workers.ts: keeps the keys that it was given, and does one operation a call. */
import { KeyObject } from 'node:crypto'
import { workerData } from 'node:worker_threads'
import type { PrivateKey } from '../crypto/provider.ts'
import type { SignatureScheme } from '../crypto/signature-schemes.ts'
import { Secret } from '../secret.ts'
import type { EcKeyComponents, Ed25519KeyComponents, PrivateKeyComponents } from '../x509/private-key.ts'
import type { RsaKeyComponents } from '../x509/rsa-private-key.ts'

/** Components in a form that passes from thread to thread: without private fields. */
export type PlainKey = RsaKeyComponents | PlainCurveKey
type PlainCurveKey = (Omit<EcKeyComponents, 'privateKey'> | Omit<Ed25519KeyComponents, 'privateKey'>) & {
  readonly privateKey: Uint8Array
}

export interface KeyOperation {
  /** Which key. */
  readonly id: number
  /** The key itself, for a worker that said that it has none of this number. */
  readonly key?: PlainKey | KeyObject | undefined
  /** How to sign `input`; without one it is the ciphertext of a raw RSA decryption. */
  readonly scheme: SignatureScheme | undefined
  readonly input: Uint8Array
}

export type KeyAnswer = 'unknown key' | { readonly output: Uint8Array | undefined }

/** Who makes the keys that work here; OpenSSL's are imported only where they are wanted. */
const provider: 'noble' | 'node' = workerData.provider
const maker = provider === 'node' ? await import('../providers/node/index.ts') : undefined
const { privateKey } = maker ?? (await import('../providers/noble/index.ts'))

/** How many keys a worker keeps. One that it has forgotten it is given again. */
const mostKeys = 1000
const keys = new Map<number, PrivateKey>()

/** Does what `KeyOperation` says. Throws what the key throws: messages of ours, which hold nothing secret. */
export async function operate({ id, key: given, scheme, input }: KeyOperation): Promise<KeyAnswer> {
  const key = keys.get(id) ?? (given && keep(id, makeKey(given)))
  if (!key) return 'unknown key'
  return { output: await (scheme ? key.sign(scheme, input) : key.decryptRaw?.(input)) }
}

function makeKey(key: PlainKey | KeyObject): PrivateKey {
  if (!(key instanceof KeyObject)) return privateKey(componentsOf(key))
  if (!maker) throw new TypeError('a KeyObject came to a worker without node:crypto')
  return maker.privateKeyOf(key)
}

function componentsOf(key: PlainKey): PrivateKeyComponents {
  return 'modulus' in key ? key : { ...key, privateKey: new Secret(key.privateKey) }
}

function keep(id: number, key: PrivateKey): PrivateKey {
  const [oldest] = keys.keys()
  if (keys.size >= mostKeys) keys.delete(oldest!)
  keys.set(id, key)
  return key
}
