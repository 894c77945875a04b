/**
 * PKCS #12, the files in which certificates and their keys travel together (RFC 7292). node-forge reads BER and knows the ciphers of
 * old, RC2 and 3DES, which OpenSSL 3 does not open; it is loaded when the first file comes. The structure is walked here: forge's own
 * reader takes an RSASSA-PSS key for a plain one, and encodes a passphrase beyond ASCII in one way where files need two. PBES2 and the
 * MAC are node:crypto's: NSS writes files of 600,000 iterations, which are 10 s of JavaScript.
 */
import { createDecipheriv, createHash, createHmac, pbkdf2Sync, timingSafeEqual } from 'node:crypto'
import { createRequire } from 'node:module'
import type { asn1 } from 'node-forge'
import { ApiMisuse } from '../errors.ts'

/** What a file holds, each in the order in which it stands there. */
export interface Pkcs12 {
  /** PrivateKeyInfo in DER (RFC 5958 §2), decrypted, to be wiped by who asked. */
  readonly privateKeys: readonly Uint8Array[]
  /** X.509 certificates in DER. */
  readonly certificates: readonly Uint8Array[]
}

type Forge = typeof import('node-forge')
type Node = asn1.Asn1

/** What @types/node-forge leaves out. */
interface PasswordCiphers {
  getCipher(oid: string, parameters: Node, password: string): Decipher
}
interface Decipher {
  readonly output: { getBytes(): string }
  update(input: unknown): void
  finish(): boolean
}

/**
 * Reads a file in BER or DER. `passphrase` is `undefined` or '' for a file without one. Throws ApiMisuse that says whether it
 * is the passphrase or the file that will not do; the passphrase is in no message.
 */
export function readPkcs12(file: Uint8Array, passphrase: string | undefined): Pkcs12 {
  const forge = loadForge()
  const found = { privateKeys: [] as Uint8Array[], certificates: [] as Uint8Array[] }
  const reader = new Pkcs12Reader(forge, passphrase)
  return readable(() => {
    reader.read(Buffer.from(file).toString('latin1'), found)
    return found
  })
}

const Oid = {
  data: '1.2.840.113549.1.7.1',
  encryptedData: '1.2.840.113549.1.7.6',
  pbkdf2: '1.2.840.113549.1.5.12',
  pbes2: '1.2.840.113549.1.5.13',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certificateBag: '1.2.840.113549.1.12.10.1.3',
  safeContentsBag: '1.2.840.113549.1.12.10.1.6',
  x509Certificate: '1.2.840.113549.1.9.22.1',
} as const

/** The hashes of a MAC (RFC 7292 §4), with the bytes that they hash at once. */
const macHashes: Readonly<Record<string, readonly [string, number] | undefined>> = {
  '1.3.14.3.2.26': ['sha1', 64],
  '2.16.840.1.101.3.4.2.1': ['sha256', 64],
  '2.16.840.1.101.3.4.2.2': ['sha384', 128],
  '2.16.840.1.101.3.4.2.3': ['sha512', 128],
}

/** The pseudorandom functions of PBKDF2 (RFC 8018 §B.1). */
const hmacHashes: Readonly<Record<string, string | undefined>> = {
  '1.2.840.113549.2.7': 'sha1',
  '1.2.840.113549.2.9': 'sha256',
  '1.2.840.113549.2.10': 'sha384',
  '1.2.840.113549.2.11': 'sha512',
}

/** The ciphers of PBES2 (RFC 8018 §B.2), with the bytes of their keys. */
const ciphers: Readonly<Record<string, readonly [string, number] | undefined>> = {
  '1.2.840.113549.3.7': ['des-ede3-cbc', 24],
  '2.16.840.1.101.3.4.1.2': ['aes-128-cbc', 16],
  '2.16.840.1.101.3.4.1.22': ['aes-192-cbc', 24],
  '2.16.840.1.101.3.4.1.42': ['aes-256-cbc', 32],
}

interface Found {
  readonly privateKeys: Uint8Array[]
  readonly certificates: Uint8Array[]
}

class Pkcs12Reader {
  readonly #forge: Forge
  readonly #passphrase: string

  constructor(forge: Forge, passphrase: string | undefined) {
    this.#forge = forge
    this.#passphrase = passphrase ?? ''
  }

  /** PFX ::= SEQUENCE { version, authSafe ContentInfo, macData OPTIONAL } (RFC 7292 §4). */
  read(ber: string, found: Found): void {
    const [version, authSafe, macData] = this.#children(this.#parse(ber))
    if (!version || !authSafe || bytesOf(version) !== '\u0003') refuse('it is no PFX of version 3')
    const [type, content] = this.#contentInfo(authSafe)
    if (type !== Oid.data) refuse('it is signed with a public key, wanted one with a passphrase')
    const contents = octets(content)
    if (!macData) refuse('it has no MAC')
    this.#requireMac(macData, contents)
    for (const safe of this.#children(this.#parse(contents))) this.#readSafe(safe, found)
  }

  /** One ContentInfo of AuthenticatedSafe: plain, or encrypted as a whole (RFC 7292 §4.1). */
  #readSafe(safe: Node, found: Found): void {
    const [type, content] = this.#contentInfo(safe)
    if (type === Oid.data) return this.#readBags(octets(content), found)
    if (type !== Oid.encryptedData) refuse(`a part of it is of type ${type}`)
    // EncryptedData ::= SEQUENCE { version, SEQUENCE { contentType, algorithm, [0] IMPLICIT OCTET STRING } } (RFC 5652 §8)
    const [, info] = this.#children(content)
    const [, algorithm, encrypted] = info ? this.#children(info) : []
    if (!algorithm || !encrypted) refuse('a part of it holds nothing')
    this.#readBags(this.#decrypt(algorithm, octets(encrypted)), found)
  }

  /** SafeContents ::= SEQUENCE OF SafeBag (RFC 7292 §4.2). CRLs, secrets and what else there may be are left out. */
  #readBags(ber: string, found: Found): void {
    for (const bag of this.#children(this.#parse(ber))) {
      const [type, content] = this.#contentInfo(bag)
      if (type === Oid.keyBag) found.privateKeys.push(this.#derOf(content))
      if (type === Oid.shroudedKeyBag) found.privateKeys.push(this.#unshroud(content))
      if (type === Oid.certificateBag) this.#readCertificate(content, found)
      if (type === Oid.safeContentsBag) this.#readBags(this.#berOf(content), found)
    }
  }

  /** EncryptedPrivateKeyInfo ::= SEQUENCE { algorithm, OCTET STRING } (RFC 5958 §3). */
  #unshroud(content: Node): Uint8Array {
    const [algorithm, encrypted] = this.#children(content)
    if (!algorithm || !encrypted) refuse('a key in it is no EncryptedPrivateKeyInfo')
    return Buffer.from(this.#decrypt(algorithm, octets(encrypted)), 'latin1')
  }

  /** CertBag ::= SEQUENCE { certId, [0] EXPLICIT OCTET STRING } (RFC 7292 §4.2.3). */
  #readCertificate(content: Node, found: Found): void {
    const [type, certificate] = this.#contentInfo(content)
    if (type === Oid.x509Certificate) found.certificates.push(Buffer.from(octets(certificate), 'latin1'))
  }

  /** The MAC tells a wrong passphrase from a damaged file: it is the one check that is made of the whole (RFC 7292 §5.1). */
  #requireMac(macData: Node, contents: string): void {
    const [digestInfo, salt, count] = this.#children(macData)
    const [algorithm, digest] = digestInfo ? this.#children(digestInfo) : []
    const oid = algorithm && this.#oidOf(this.#children(algorithm)[0])
    const [hash, blockBytes] =
      macHashes[oid ?? ''] ?? refuse(`its MAC is of algorithm ${oid}, wanted HMAC with SHA`)
    if (!salt || !digest) refuse('its MAC is incomplete')
    const iterations = count ? numberOf(count) : 1
    const wanted = bufferOf(digest)
    const isRight = this.#spellings().some(passphrase => {
      const key = macKey({ hash, blockBytes, salt: bufferOf(salt), passphrase, iterations })
      const mac = createHmac(hash, key).update(contents, 'latin1').digest()
      return mac.length === wanted.length && timingSafeEqual(mac, wanted)
    })
    if (!isRight) throw wrongPassphrase()
  }

  /** As UTF-16 with a zero at its end (RFC 7292 §B.1). No passphrase is written in two ways: as the empty text, and as no bytes at all. */
  #spellings(): Buffer[] {
    const spelled = Buffer.from(`${this.#passphrase}\0`, 'utf16le').swap16()
    return this.#passphrase === '' ? [spelled, Buffer.alloc(0)] : [spelled]
  }

  #decrypt(algorithm: Node, encrypted: string): string {
    const [type, parameters] = this.#children(algorithm)
    const oid = this.#oidOf(type)
    if (!parameters) refuse(`it is encrypted by ${oid} without parameters`)
    if (oid === Oid.pbes2) return this.#decryptPbes2(parameters, encrypted)
    // PKCS-12PbeParams ::= SEQUENCE { salt, iterations } (RFC 7292 §C): forge would count as far as it says.
    const [, count] = this.#children(parameters)
    if (count) numberOf(count)
    const { pbe } = this.#forge.pki as unknown as { readonly pbe: PasswordCiphers }
    const cipher = pbe.getCipher(oid, parameters, this.#passphrase)
    cipher.update(this.#forge.util.createBuffer(encrypted))
    if (!cipher.finish()) throw wrongPassphrase()
    return cipher.output.getBytes()
  }

  /** PBES2-params ::= SEQUENCE { PBKDF2, cipher with its IV } (RFC 8018 §A.4); the passphrase is in UTF-8, as OpenSSL has it. */
  #decryptPbes2(parameters: Node, encrypted: string): string {
    const [derivation = [], scheme = []] = this.#children(parameters).map(part => this.#children(part))
    const [cipher, keyBytes] =
      ciphers[this.#oidOf(scheme[0])] ?? refuse('it is encrypted by a cipher that is not known here')
    if (this.#oidOf(derivation[0]) !== Oid.pbkdf2) refuse('its keys are not derived by PBKDF2')
    const [salt, count, ...others] = derivation[1] ? this.#children(derivation[1]) : []
    // keyLength may stand before the function; the cipher says it too.
    const prf = others.find(({ value }) => typeof value !== 'string')
    const hash = prf ? hmacHashes[this.#oidOf(this.#children(prf)[0])] : 'sha1'
    const iv = scheme[1]
    if (!salt || !count || !hash || !iv) refuse('its parameters are not those of PBES2')
    const key = pbkdf2Sync(this.#passphrase, bufferOf(salt), numberOf(count), keyBytes, hash)
    const decipher = createDecipheriv(cipher, key, bufferOf(iv))
    key.fill(0)
    const start = decipher.update(encrypted, 'latin1', 'latin1')
    return start + decipher.final('latin1')
  }

  /** `SEQUENCE { OBJECT IDENTIFIER, [0] EXPLICIT content, ... }`, which half of the structures are. */
  #contentInfo(node: Node): readonly [string, Node] {
    const [type, wrapped] = this.#children(node)
    const [content] = wrapped ? this.#children(wrapped) : []
    if (!content) refuse('a part of it has no content')
    return [this.#oidOf(type), content]
  }

  #children({ value }: Node): Node[] {
    return typeof value === 'string' ? refuse('a part of it is no SEQUENCE') : value
  }

  #oidOf(node: Node | undefined): string {
    return node ? this.#forge.asn1.derToOid(bytesOf(node)) : refuse('a part of it has no type')
  }

  #parse(ber: string): Node {
    return this.#forge.asn1.fromDer(ber, { strict: true, decodeBitStrings: false } as unknown as boolean)
  }

  #berOf(node: Node): string {
    return this.#forge.asn1.toDer(node).getBytes()
  }

  #derOf(node: Node): Uint8Array {
    return Buffer.from(this.#berOf(node), 'latin1')
  }
}

function bytesOf({ value }: Node): string {
  return typeof value === 'string' ? value : refuse('a part of it is a SEQUENCE where a value was wanted')
}

function bufferOf(node: Node): Buffer {
  return Buffer.from(bytesOf(node), 'latin1')
}

/** A file may be a stranger's, with its passphrase. Java stops here too; NSS writes 600,000. */
const maxIterations = 5_000_000

/** An INTEGER that counts iterations, at least 1: in seconds of our time and not in hours. */
function numberOf(node: Node): number {
  const number = Number.parseInt(bufferOf(node).toString('hex'), 16)
  if (number >= 1 && number <= maxIterations) return number
  return refuse(`it wants ${number} iterations, and takes 1 to ${maxIterations}`)
}

interface MacKeyInput {
  readonly hash: string
  readonly blockBytes: number
  readonly salt: Buffer
  readonly passphrase: Buffer
  readonly iterations: number
}

/** The key of the MAC (RFC 7292 §B.2 with ID 3): as long as one digest, so that the first block is all of it. */
function macKey({ hash, blockBytes, salt, passphrase, iterations }: MacKeyInput): Buffer {
  const filled = (bytes: Buffer) => Buffer.alloc(Math.ceil(bytes.length / blockBytes) * blockBytes, bytes)
  let key: Buffer = Buffer.concat([Buffer.alloc(blockBytes, 3), filled(salt), filled(passphrase)])
  for (let i = 0; i < iterations; i++) key = createHash(hash).update(key).digest()
  return key
}

/** An OCTET STRING, which BER lets be in pieces. */
function octets({ value }: Node): string {
  return typeof value === 'string' ? value : value.map(octets).join('')
}

function refuse(problem: string): never {
  throw new ApiMisuse(`pfx: ${problem}; is it a file of PKCS #12 (.p12, .pfx)?`)
}

function wrongPassphrase(): ApiMisuse {
  return new ApiMisuse('pfx: the passphrase does not open it: give the one it was made with')
}

/** Errors of forge are about ASN.1, and have the bytes in question in a property: they go no further. */
function readable(read: () => Pkcs12): Pkcs12 {
  try {
    return read()
  } catch (error) {
    if (error instanceof ApiMisuse) throw error
    return refuse(`it cannot be read (${error instanceof Error ? error.message : 'unknown'})`)
  }
}

let forge: Forge | undefined

/** Half a megabyte of JavaScript; who calls is synchronous, as createSecureContext of node:tls. */
function loadForge(): Forge {
  forge ??= createRequire(import.meta.url)('node-forge') as Forge
  return forge
}
