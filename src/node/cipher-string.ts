/**
 * OpenSSL's language for lists of cipher suites, openssl-ciphers(1), as far as it speaks of what we do. People have such strings in
 * their configuration: `ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL`, `HIGH:!SHA`, `DEFAULT:@SECLEVEL=2`. Which suites a word stands for is
 * OpenSSL's; in which order they come when one word stands for many is the provider's own, which knows what is fast.
 */
import {
  type CipherSuite,
  type CipherSuiteName,
  cipherSuite,
  cipherSuiteNames,
  findCipherSuite,
} from '../crypto/cipher-suites.ts'
import type { ApiMisuse } from '../errors.ts'
import { apiMisuse } from './api-misuse.ts'

/** What a list chooses from, each in the provider's order. */
export interface CipherChoice {
  /** Suites that may be called by name. */
  readonly named: readonly CipherSuiteName[]
  /** Suites that a word may stand for: a policy leaves some out, which is an error only for who names them. */
  readonly grouped: readonly CipherSuiteName[]
}

/**
 * The suites of a list, the best first. Throws ERR_SSL_NO_CIPHER_MATCH for a word that nobody knows, and where nothing is left: what
 * only OpenSSL does, or TLS 1.3, is passed over. Throws ERR_SSL_INVALID_COMMAND for a command that is none.
 */
export function readCipherString(list: string, choice: CipherChoice): CipherSuiteName[] {
  let chosen: readonly CipherSuiteName[] = []
  const banned = new Set<CipherSuiteName>()
  let passedOver: string | undefined
  for (const item of list
    .replaceAll('@', ':@')
    .split(/[:,; ]+/)
    .filter(Boolean)) {
    const operator = /^[!+@-]/.exec(item)?.[0]
    if (operator === '@') {
      chosen = obey(item, chosen)
      continue
    }
    const words = operator ? item.slice(1) : item
    const meant = suitesOf(words, choice)
    const others = chosen.filter(suite => !meant.includes(suite))
    if (operator === '!') for (const suite of meant) banned.add(suite)
    if (operator === '-' || operator === '!') chosen = others
    else if (operator === '+') chosen = [...others, ...chosen.filter(suite => meant.includes(suite))]
    else chosen = [...new Set([...chosen, ...meant.filter(suite => !banned.has(suite))])]
    if (!operator && meant.length === 0) passedOver ??= words
  }
  if (chosen.length === 0) throw noMatch(passedOver ?? list, choice)
  return [...chosen]
}

/** One word, or several joined by `+`, all of which a suite has to be. */
function suitesOf(words: string, choice: CipherChoice): readonly CipherSuiteName[] {
  const suite = findCipherSuite(words)
  if (suite && choice.named.includes(suite)) return [suite]
  const selectors = words.split('+').map(word => (notDone.has(word) ? () => false : groups.get(word)))
  if (selectors.every(selector => selector !== undefined))
    return choice.grouped.filter(name => selectors.every(selects => selects(cipherSuite(name))))
  if (isNameOfAnother(words)) return []
  throw noMatch(words, choice)
}

type Selector = (suite: CipherSuite) => boolean

const all: Selector = () => true
const byKeyExchange =
  (wanted: CipherSuite['keyExchange']): Selector =>
  ({ keyExchange }) =>
    keyExchange === wanted
const byAuthentication =
  (wanted: CipherSuite['authentication']): Selector =>
  ({ authentication }) =>
    authentication === wanted
const byMac =
  (wanted: string): Selector =>
  ({ cipher }) =>
    cipher.mode === 'cbc' && cipher.mac === wanted
const isChaCha20: Selector = ({ cipher }) => cipher.mode === 'chacha20-poly1305'
const isAes =
  (keyLength?: number): Selector =>
  ({ cipher }) =>
    cipher.mode !== 'chacha20-poly1305' && (keyLength ?? cipher.keyLength) === cipher.keyLength
const isOfOldVersions: Selector = byMac('sha1')

/** Words for many suites (openssl-ciphers(1), CIPHER STRINGS). */
const groups: ReadonlyMap<string, Selector> = new Map(
  Object.entries<Selector>({
    ...{ ALL: all, DEFAULT: all, HIGH: all },
    ...{ kRSA: byKeyExchange('rsa'), RSA: byKeyExchange('rsa') },
    ...{ kECDHE: byKeyExchange('ecdhe'), kEECDH: byKeyExchange('ecdhe') },
    ...{ ECDHE: byKeyExchange('ecdhe'), EECDH: byKeyExchange('ecdhe'), ECDH: byKeyExchange('ecdhe') },
    ...{ kDHE: byKeyExchange('dhe'), kEDH: byKeyExchange('dhe') },
    ...{ DHE: byKeyExchange('dhe'), EDH: byKeyExchange('dhe'), DH: byKeyExchange('dhe') },
    ...{ aRSA: byAuthentication('rsa'), aECDSA: byAuthentication('ecdsa'), ECDSA: byAuthentication('ecdsa') },
    ...{ AES: isAes(), AES128: isAes(16), AES256: isAes(32), CHACHA20: isChaCha20 },
    AESGCM: ({ cipher }) => cipher.mode === 'gcm',
    ...{ SHA1: byMac('sha1'), SHA: byMac('sha1'), SHA256: byMac('sha256'), SHA384: byMac('sha384') },
    'TLSv1.2': suite => !isOfOldVersions(suite),
    // By the first version that has a suite: SHA-1 is older than TLS, and on curves it came with TLS 1.0.
    ...{ TLSv1: isFirstOf('ecdhe'), 'TLSv1.0': isFirstOf('ecdhe') },
    SSLv3: suite => isOfOldVersions(suite) && suite.keyExchange !== 'ecdhe',
  }),
)

function isFirstOf(keyExchange: CipherSuite['keyExchange']): Selector {
  return suite => isOfOldVersions(suite) && suite.keyExchange === keyExchange
}

/** Words for suites that OpenSSL has, or had, and that are not done here: nothing to add, and nothing to take away. */
const notDone: ReadonlySet<string> = new Set(
  [
    'COMPLEMENTOFALL COMPLEMENTOFDEFAULT MEDIUM LOW EXP EXPORT EXPORT40 EXPORT56 SSLv2',
    'eNULL NULL aNULL ADH AECDH kDHr kDHd kDH kECDHr kECDHe kECDH aDH aECDH KRB5 kKRB5 aKRB5',
    'PSK aPSK kPSK kRSAPSK kDHEPSK kECDHEPSK SRP aSRP kSRP DSS aDSS GOST aGOST aGOST01 aGOST12 kGOST kGOST18',
    'GOST94 GOST89MAC GOST12 DES 3DES RC2 RC4 IDEA SEED CAMELLIA CAMELLIA128 CAMELLIA256 ARIA ARIA128 ARIA256',
    'ARIAGCM AESCCM AESCCM8 MD5',
  ].flatMap(words => words.split(' ')),
)

/** What else the names of suites are made of, in OpenSSL's and in the RFCs' spelling. */
const moreWords = [
  'TLS',
  'WITH',
  'CBC',
  'CBC3',
  'CCM',
  'CCM8',
  'POLY1305',
  'ANON',
  'EDE',
  'EDH',
  '8',
  '40',
  '56',
  '128',
  '256',
]
const nameWords: ReadonlySet<string> = new Set([
  ...cipherSuiteNames.flatMap(name => [...name.split('_'), ...cipherSuite(name).opensslName.split('-')]),
  ...[...notDone].map(word => word.toUpperCase()),
  ...moreWords,
])

/** A suite that only others do has a name all of whose parts are known; a slip of the pen has not. */
function isNameOfAnother(name: string): boolean {
  const parts = name.split(/[-_]/)
  return parts.length > 1 && parts.every(part => nameWords.has(part))
}

/** OpenSSL's highest level that asks for nothing more than we always ask for: 112 bits, RSA keys of 2048. */
const ownSecurityLevel = 2

/** `@STRENGTH` sorts by the length of keys, `@SECLEVEL=n` sets limits for keys and signatures: ours are fixed. */
function obey(command: string, chosen: readonly CipherSuiteName[]): readonly CipherSuiteName[] {
  const keyLength = (name: CipherSuiteName) => cipherSuite(name).cipher.keyLength
  if (command === '@STRENGTH') return [...chosen].sort((a, b) => keyLength(b) - keyLength(a))
  const [, level] = /^@SECLEVEL=([0-5])$/.exec(command) ?? []
  if (level === undefined)
    throw apiMisuse(
      'ERR_SSL_INVALID_COMMAND',
      `ciphers: ${command} is no command, wanted @STRENGTH or @SECLEVEL=2`,
    )
  if (Number(level) > ownSecurityLevel)
    throw apiMisuse(
      'ERR_INVALID_ARG_VALUE',
      `ciphers: ${command} asks for more than is checked here, wanted ${ownSecurityLevel} at most; see policy: 'modern'`,
    )
  return chosen
}

function noMatch(word: string, { named }: CipherChoice): ApiMisuse {
  const why = /^TLS_(AES|CHACHA20)_/.test(word) ? ' in TLS 1.2' : ''
  return apiMisuse(
    'ERR_SSL_NO_CIPHER_MATCH',
    `no cipher suite is called ${JSON.stringify(word)}${why}: choose from ${named.join(', ')}`,
  )
}
