/**
 * The certificates of `ringtls init`: an authority of one's own, and server certificates from it, so that
 * somebody can try a cluster without asking a CA. node-forge writes them; it is loaded when first needed.
 */
import type { asn1, pki } from 'node-forge'
import { ApiMisuse } from '../errors.ts'
import { isDnsName, parseIpAddress } from '../x509/host-name.ts'

/** A certificate and its private key, both PEM: `CERTIFICATE` and `PRIVATE KEY` (PKCS #8, unencrypted). */
export interface CertificateAndKey {
  readonly certificatePem: string
  readonly keyPem: string
}

/** How long a certificate is valid: from shortly before `nowMs` (milliseconds since 1970) for `validDays`. */
interface Lifetime {
  readonly nowMs: number
  readonly validDays: number
}

const keyBits = 2048
const dayMs = 24 * 60 * 60 * 1000
/** Machines of a cluster disagree about the time a little, and a new certificate is used at once. */
const clockSkewMs = 5 * 60 * 1000

/**
 * A new self-signed authority, RSA-2048 and SHA-256, that signs leaves and no further authorities
 * (RFC 5280 §4.2.1.9). Throws ApiMisuse for a name or lifetime that does not go into a certificate.
 */
export async function makeCertificateAuthority(
  options: Lifetime & { readonly commonName: string },
): Promise<CertificateAndKey> {
  const forge = await loadForge()
  const keys = await makeKeyPair()
  const certificate = startCertificate(forge, keys.publicKey, options)
  const name = commonName(forge, checkedCommonName(options.commonName))
  certificate.setSubject(name)
  certificate.setIssuer(name)
  certificate.setExtensions([
    { name: 'basicConstraints', cA: true, pathLenConstraint: 0, critical: true },
    { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    { name: 'subjectKeyIdentifier' },
  ])
  return signed(forge, certificate, { signer: keys.privateKey, own: keys.privateKey })
}

/**
 * A new server certificate from `ca`, RSA-2048 and SHA-256, for `hosts`: DNS names (`*.example.com` too) and
 * IP addresses, at least one (RFC 5280 §4.2.1.6). Good for RSA key exchange and for signatures.
 * Throws ApiMisuse for an authority, host or lifetime that will not do.
 */
export function makeServerCertificate(options: LeafOptions): Promise<CertificateAndKey> {
  return makeLeaf(options, { serverAuth: true })
}

/** The same for a process of a cluster, which is a server to some of the others and a client to the rest. */
export function makeNodeCertificate(options: LeafOptions): Promise<CertificateAndKey> {
  return makeLeaf(options, { serverAuth: true, clientAuth: true })
}

interface LeafOptions extends Lifetime {
  readonly ca: CertificateAndKey
  readonly hosts: readonly string[]
}

async function makeLeaf(
  options: LeafOptions,
  purposes: { readonly serverAuth: true; readonly clientAuth?: true },
): Promise<CertificateAndKey> {
  const { ca, hosts } = options
  if (hosts.length === 0) {
    throw new ApiMisuse('server certificate: no hosts given, wanted at least one name or address')
  }
  const altNames = hosts.map(subjectAltName)
  const forge = await loadForge()
  const authority = readAuthority(forge, ca)
  const keys = await makeKeyPair()
  const certificate = startCertificate(forge, keys.publicKey, options)
  certificate.setIssuer(authority.subject)
  // Clients compare subjectAltName alone; the common name is for people and has room for 64 characters.
  certificate.setSubject([
    { shortName: 'CN', value: hosts.find(host => host.length <= 64) ?? 'ringtls server' },
  ])
  certificate.setExtensions([
    { name: 'basicConstraints', cA: false, critical: true },
    { name: 'keyUsage', digitalSignature: true, keyEncipherment: true, critical: true },
    { name: 'extKeyUsage', ...purposes },
    { name: 'subjectAltName', altNames },
    { name: 'subjectKeyIdentifier' },
    {
      name: 'authorityKeyIdentifier',
      keyIdentifier: authority.keyIdentifier,
    },
  ])
  return signed(forge, certificate, { signer: authority.key, own: keys.privateKey })
}

type Forge = typeof import('node-forge')

/** Half a megabyte of JavaScript that a running server has no use for. */
async function loadForge(): Promise<Forge> {
  return (await import('node-forge')).default
}

/** With a callback forge asks the platform for the key, on another thread, where it can: 0.1 s and not 2 s. */
async function makeKeyPair(): Promise<pki.rsa.KeyPair> {
  const forge = await loadForge()
  return new Promise((resolve, reject) => {
    forge.pki.rsa.generateKeyPair({ bits: keyBits, workers: -1 }, (error, keys) =>
      error ? reject(error) : resolve(keys),
    )
  })
}

function startCertificate(
  forge: Forge,
  publicKey: pki.rsa.PublicKey,
  { nowMs, validDays }: Lifetime,
): pki.Certificate {
  const notAfterMs = nowMs + validDays * dayMs
  // RFC 5280 §4.1.2.5 has four digits for the year.
  if (!(validDays > 0) || !(notAfterMs < Date.UTC(9999, 11, 31))) {
    throw new ApiMisuse(
      `certificate: valid for ${validDays} days, wanted more than 0 and an end before the year 9999`,
    )
  }
  const certificate = forge.pki.createCertificate()
  certificate.publicKey = publicKey
  certificate.serialNumber = randomSerialNumber(forge)
  certificate.validity.notBefore = new Date(nowMs - clockSkewMs)
  certificate.validity.notAfter = new Date(notAfterMs)
  return certificate
}

/** 16 random bytes, positive and with a first byte that is not 0, so that DER needs no byte more or less. */
function randomSerialNumber(forge: Forge): string {
  const hex = forge.util.bytesToHex(forge.random.getBytesSync(15))
  return `5a${hex}`
}

function signed(
  forge: Forge,
  certificate: pki.Certificate,
  keys: { signer: pki.rsa.PrivateKey; own: pki.rsa.PrivateKey },
): CertificateAndKey {
  certificate.sign(keys.signer, forge.md.sha256.create())
  const keyInfo = forge.pki.wrapRsaPrivateKey(forge.pki.privateKeyToAsn1(keys.own))
  return {
    certificatePem: unixLines(forge.pki.certificateToPem(certificate)),
    keyPem: unixLines(forge.pki.privateKeyInfoToPem(keyInfo)),
  }
}

const unixLines = (pem: string) => pem.replaceAll('\r\n', '\n')

/** What a certificate takes over from the one of its issuer, and the key that signs it. */
interface Authority {
  readonly subject: pki.CertificateField[]
  readonly keyIdentifier: string
  readonly key: pki.rsa.PrivateKey
}

function readAuthority(forge: Forge, { certificatePem, keyPem }: CertificateAndKey): Authority {
  try {
    const certificate = forge.pki.certificateFromPem(certificatePem)
    return {
      subject: certificate.subject.attributes.map(field => withCharacters(forge, field)),
      keyIdentifier: certificate.generateSubjectKeyIdentifier().getBytes(),
      key: forge.pki.privateKeyFromPem(keyPem) as pki.rsa.PrivateKey,
    }
  } catch (cause) {
    const wanted = 'a certificate and an RSA key in PEM, such as `ringtls init` writes'
    throw new ApiMisuse(`certificate authority: not readable, wanted ${wanted}`, { cause })
  }
}

/** forge reads a UTF8String as bytes and writes it from characters: unchanged, it would be encoded twice. */
function withCharacters(forge: Forge, field: pki.CertificateField): pki.CertificateField {
  const isUtf8 = (field.valueTagClass as number | undefined) === forge.asn1.Type.UTF8
  return isUtf8 ? { ...field, value: forge.util.decodeUtf8(String(field.value)) } : field
}

/** forge's form of a GeneralName: 2 is a dNSName, 7 an iPAddress, with its bytes as a string (RFC 5280 §4.2.1.6). */
function subjectAltName(host: string): { type: 2 | 7; value: string } {
  const address = parseIpAddress(host)
  if (address) return { type: 7, value: String.fromCharCode(...address) }
  const isName = isDnsName(host.replace(/^\*\./, '')) && !host.endsWith('.')
  if (!isName) {
    throw new ApiMisuse(`server certificate: "${host}" is neither a DNS name (ASCII) nor an IP address`)
  }
  return { type: 2, value: host }
}

/** A name of one attribute, as UTF8String: forge would write PrintableString, which has no `*` and no `_`. */
function commonName(forge: Forge, value: string): pki.CertificateField[] {
  return [{ shortName: 'CN', value, valueTagClass: forge.asn1.Type.UTF8 as number as asn1.Class }]
}

/** A common name has 1 to 64 characters (RFC 5280 §A.1, ub-common-name). */
function checkedCommonName(name: string): string {
  if (name.length === 0 || name.length > 64) {
    throw new ApiMisuse(`certificate authority: a common name of ${name.length} characters, wanted 1 to 64`)
  }
  return name
}
