/** From the numbers that the runner writes to the names that ringtls has, and its cipher strings. */
import {
  type CipherSuiteName,
  cipherSuite,
  cipherSuiteNames,
  findCipherSuite,
} from '../../../src/crypto/cipher-suites.ts'
import { type NamedGroup, namedGroupNames, namedGroups } from '../../../src/crypto/named-groups.ts'
import {
  type SignatureScheme,
  signatureScheme,
  signatureSchemeNames,
} from '../../../src/crypto/signature-schemes.ts'
import { NotImplemented } from './flags.ts'

/** The groups of these numbers; one that we do not have is left out, as the runner names some that nobody has. */
export function groupsOf(numbers: readonly number[]): NamedGroup[] {
  return numbers.flatMap(number => namedGroupNames.filter(name => namedGroups[name].number === number))
}

/** The signature schemes of these numbers; one that we do not have is left out. */
export function schemesOf(numbers: readonly number[]): SignatureScheme[] {
  return numbers.flatMap(number =>
    signatureSchemeNames.filter(name => signatureScheme(name).number === number),
  )
}

/**
 * The suites of an OpenSSL cipher string, as far as the runner goes. Suites of equal preference (`[A|B]`) come in the order in which
 * they are written: here every server has one order or takes the client's. Throws NotImplemented for a word it does not know.
 */
export function suitesOf(cipherString: string): CipherSuiteName[] {
  if (cipherString === 'DEFAULT:!AES') return cipherSuiteNames.filter(name => !name.includes('AES'))
  return cipherString
    .split(/[:[\]|]+/)
    .filter(word => word !== '')
    .flatMap(word => {
      if (word === 'AES128') return cipherSuiteNames.filter(isAes128)
      const suite = findCipherSuite(word)
      if (!suite) throw new NotImplemented(`-cipher ${word}`)
      return [suite]
    })
}

function isAes128(name: CipherSuiteName): boolean {
  const { cipher } = cipherSuite(name)
  return cipher.mode !== 'chacha20-poly1305' && cipher.keyLength === 16
}

/** The number of a scheme that we may or may not know. */
export function codeOfScheme(scheme: SignatureScheme | number): number {
  return typeof scheme === 'number' ? scheme : signatureScheme(scheme).number
}
