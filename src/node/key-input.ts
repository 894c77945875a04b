/** Private keys in all forms that node:tls takes, and two more: a KeyObject, and a signer. */
import { KeyObject } from 'node:crypto'
import type { PrivateKey } from '../crypto/provider.ts'
import { ApiMisuse } from '../errors.ts'
import { openPrivateKey } from '../providers/node/key-object.ts'
import {
  isEncryptedPrivateKey,
  type PrivateKeyComponents,
  parsePrivateKey,
  parsePrivateKeyInfo,
} from '../x509/private-key.ts'
import { apiMisuse } from './api-misuse.ts'
import { listOf, type Pem, readPem, readText, underCode } from './option-types.ts'
import { isSigner, type PrivateKeySigner } from './private-key-signer.ts'

/** A private key, or where to have its work done. */
export type KeyInput = Pem | KeyObject | PemWithPassphrase | PrivateKeySigner

export interface PemWithPassphrase {
  readonly pem: Pem
  /** The option `passphrase` by default. */
  readonly passphrase?: string | undefined
}

/** A key that was read, or where to have its work done: of that its certificate has to say which key it is. */
export type KeySource = { readonly key: PrivateKey } | { readonly signer: PrivateKeySigner }

/** What makes a key that works: a provider's, or a pool of threads. */
export interface KeyMaker {
  fromComponents(components: PrivateKeyComponents): PrivateKey
  fromKeyObject(key: KeyObject): PrivateKey
}

/**
 * The keys of the option `key`. Throws ApiMisuse with Node's code: what cannot be read, what is encrypted under another passphrase.
 * No message has a passphrase in it, nor any part of a key.
 */
export function readKeys(key: unknown, passphrase: string | undefined, maker: KeyMaker): KeySource[] {
  return listOf(key).map(input => {
    if (isSigner(input)) return { signer: input }
    if (input instanceof KeyObject) return { key: maker.fromKeyObject(requirePrivate(input)) }
    if (!isWithPassphrase(input)) return { key: readPemKey(readPem('key', input), passphrase, maker) }
    const own = readText('key.passphrase', input.passphrase)
    return { key: readPemKey(readPem('key.pem', input.pem), own ?? passphrase, maker) }
  })
}

/** A key that Node has read, as ours. Throws ApiMisuse for one of a type that we do not do, or that may not leave its module. */
export function componentsOf(key: KeyObject): PrivateKeyComponents {
  let der: Buffer
  try {
    der = key.export({ type: 'pkcs8', format: 'der' })
  } catch {
    throw new ApiMisuse(`private key: a KeyObject of type ${key.asymmetricKeyType} that cannot be exported`)
  }
  const components = parsePrivateKeyInfo(der)
  der.fill(0)
  return components
}

function readPemKey(pem: string, passphrase: string | undefined, maker: KeyMaker): PrivateKey {
  const isEncrypted = underCode('ERR_OSSL_UNSUPPORTED', () => isEncryptedPrivateKey(pem))
  if (!isEncrypted) return maker.fromComponents(underCode('ERR_OSSL_UNSUPPORTED', () => parsePrivateKey(pem)))
  return maker.fromKeyObject(decrypted(pem, passphrase))
}

const oldCipher =
  'it is encrypted in a way that OpenSSL does not do any more; encrypt it anew: openssl pkcs8 -topk8 -provider legacy -provider default -in old.pem -out key.pem'

/** PKCS #8 with PBES2, and the older way of PKCS #1 and SEC 1: OpenSSL opens both. */
function decrypted(pem: string, passphrase: string | undefined): KeyObject {
  if (passphrase === undefined)
    throw apiMisuse(
      'ERR_OSSL_BAD_DECRYPT',
      'private key: it is encrypted: give its passphrase, or decrypt it: openssl pkey -in encrypted.pem -out key.pem',
    )
  try {
    return openPrivateKey({ key: pem, format: 'pem', passphrase })
  } catch (error) {
    const isCipher = (error as { code?: string }).code === 'ERR_OSSL_EVP_UNSUPPORTED'
    if (isCipher) throw apiMisuse('ERR_OSSL_EVP_UNSUPPORTED', `private key: ${oldCipher}`)
    // Under the wrong passphrase it may also open to something, which then is no private key.
    throw apiMisuse('ERR_OSSL_BAD_DECRYPT', 'private key: the passphrase does not open it')
  }
}

function isWithPassphrase(input: unknown): input is PemWithPassphrase {
  return typeof input === 'object' && input !== null && 'pem' in input
}

function requirePrivate(key: KeyObject): KeyObject {
  if (key.type === 'private') return key
  throw apiMisuse(
    'ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE',
    `key: came a KeyObject of type ${key.type}, wanted one of type private`,
  )
}
