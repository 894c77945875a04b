/**
 * PKCS #12, the files in which certificates and their keys travel together (RFC 7292). node-forge knows the ciphers and the key
 * derivations, those of old among them; it is loaded when the first file comes. The structure is walked here: forge's own reader
 * takes an RSASSA-PSS key for a plain one, and encodes a passphrase beyond ASCII in one way where files need two.
 */
import { createRequire } from 'node:module'
import type { asn1, md } from 'node-forge'
import { ApiMisuse } from '../errors.ts'

/** What a file holds, each in the order in which it stands there. */
export interface Pkcs12 {
  /** PrivateKeyInfo in DER (RFC 5958 §2), decrypted. */
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
  pbes2: '1.2.840.113549.1.5.13',
  keyBag: '1.2.840.113549.1.12.10.1.1',
  shroudedKeyBag: '1.2.840.113549.1.12.10.1.2',
  certificateBag: '1.2.840.113549.1.12.10.1.3',
  safeContentsBag: '1.2.840.113549.1.12.10.1.6',
  x509Certificate: '1.2.840.113549.1.9.22.1',
} as const

/** The hashes of a MAC (RFC 7292 §4): name in forge, bytes of the key. */
const macHashes: Readonly<Record<string, readonly ['sha1' | 'sha256' | 'sha384' | 'sha512', number]>> = {
  '1.3.14.3.2.26': ['sha1', 20],
  '2.16.840.1.101.3.4.2.1': ['sha256', 32],
  '2.16.840.1.101.3.4.2.2': ['sha384', 48],
  '2.16.840.1.101.3.4.2.3': ['sha512', 64],
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
    const [hash, length] =
      macHashes[oid ?? ''] ?? refuse(`its MAC is of algorithm ${oid}, wanted HMAC with SHA`)
    const iterations = count ? Number.parseInt(Buffer.from(bytesOf(count), 'latin1').toString('hex'), 16) : 1
    if (!salt || !digest || !(iterations >= 1)) refuse('its MAC is incomplete')
    const isRight = this.#spellings().some(passphrase => {
      const start = () => this.#forge.md[hash].create() as md.MessageDigest
      const saltBytes = this.#forge.util.createBuffer(bytesOf(salt))
      const key = this.#forge.pkcs12.generateKey(passphrase, saltBytes, 3, iterations, length, start())
      const mac = this.#forge.hmac.create()
      mac.start(hash, key)
      mac.update(contents)
      return mac.digest().getBytes() === bytesOf(digest)
    })
    if (!isRight) throw wrongPassphrase()
  }

  /** No passphrase is written in two ways: as the empty text with its end, and as no bytes at all (RFC 7292 §B.1 knows the first). */
  #spellings(): (string | null)[] {
    return this.#passphrase === '' ? ['', null] : [this.#passphrase]
  }

  #decrypt(algorithm: Node, encrypted: string): string {
    const [oidNode, parameters] = this.#children(algorithm)
    const oid = this.#oidOf(oidNode)
    if (!parameters) refuse(`it is encrypted by ${oid} without parameters`)
    const { pbe } = this.#forge.pki as unknown as { readonly pbe: PasswordCiphers }
    // PKCS #12's own derivation takes the passphrase in UTF-16, PBES2 its bytes: UTF-8, as OpenSSL has it.
    const passphrase = oid === Oid.pbes2 ? this.#forge.util.encodeUtf8(this.#passphrase) : this.#passphrase
    const cipher = pbe.getCipher(oid, parameters, passphrase)
    cipher.update(this.#forge.util.createBuffer(encrypted))
    if (!cipher.finish()) throw wrongPassphrase()
    return cipher.output.getBytes()
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
