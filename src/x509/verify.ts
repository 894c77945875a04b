/**
 * Is this chain to be trusted for that peer, now? A path is searched from the leaf upward, through the
 * certificates the peer sent, to one of the anchors we trust already (RFC 5280 §6, in part).
 *
 * What is checked: validity of every certificate, anchor included; basicConstraints with its path length and
 * keyUsage of every issuer; the signature of all but the anchor, none with SHA-1; RSA keys of 2048 bits or
 * more; extended key usage and name of the leaf. What is not: name constraints, policies, revocation. Where a
 * certificate makes one of the first two critical it is refused, since what we do not process we may not
 * ignore. The leaf's keyUsage depends on what the handshake does with the key: `allowsKeyUsage`.
 */
import { equalBytes } from '../bytes.ts'
import { bitLength } from '../crypto/finite-fields.ts'
import type { CryptoProvider, EcCurve, PublicKey } from '../crypto/provider.ts'
import { type FaultCode, type FaultDetail, TlsError } from '../errors.ts'
import type { Certificate } from './certificate.ts'
import type { KeyUsage } from './certificate-extensions.ts'
import { matchesHost } from './host-name.ts'
import { keyAlgorithmName, Oid } from './object-identifiers.ts'
import { schemeOf } from './signature-algorithm.ts'

/** What `verifyChain` needs to know. */
export interface ChainToVerify {
  /** As the peer sent them: the leaf first, the others in any order. */
  readonly chain: readonly Certificate[]
  /** The certificates that are trusted to begin with; usually self-signed. */
  readonly anchors: readonly Certificate[]
  /** The time of the check, in milliseconds since 1970. */
  readonly nowMs: number
  /** DNS name or IP address the leaf has to speak for; `undefined`: any. */
  readonly serverName?: string | undefined
  /** The provider's. */
  readonly verify: CryptoProvider['verify']
  /** Whose certificate the leaf is: a TLS server's, or a client's. */
  readonly usage: 'serverAuth' | 'clientAuth'
}

/** Certificates between leaf and anchor. Real chains have one or two. */
const maxIntermediates = 8
/** Signatures per call: a peer that sends many look-alike issuers buys no more of our time. */
const maxSignatures = 32
/** As how many of them a check counts: about 3 ms on P-256, 6 and 10 on the longer curves, less with RSA and Ed25519. */
const signatureCost: Readonly<Partial<Record<EcCurve, number>>> = { secp384r1: 2, secp521r1: 4 }
const minModulusBits = 2048

/**
 * The key of the leaf, once the chain has been found good. Throws TlsError: CERTIFICATE_EXPIRED,
 * UNKNOWN_CA, UNSUPPORTED_CERTIFICATE, CERTIFICATE_REFUSED, HOSTNAME_MISMATCH, CERTIFICATE_UNKNOWN (the chain
 * is too costly to check), BAD_CERTIFICATE (it is empty); the message names the certificate and the rule.
 */
export function verifyChain(request: ChainToVerify): PublicKey {
  const [leaf] = request.chain
  if (!leaf) {
    throw new TlsError('BAD_CERTIFICATE', 'certificate: the chain is empty, wanted at least the leaf')
  }
  const key = requireUsable(leaf, request)
  if (!request.anchors.some(anchor => equalBytes(anchor.raw, leaf.raw))) new PathSearch(request).run(leaf)
  const { serverName } = request
  if (serverName !== undefined && !matchesHost(leaf.extensions.subjectAltName, serverName)) {
    fail('HOSTNAME_MISMATCH', leaf, `is not for "${serverName}" but for ${namesOf(leaf)}`)
  }
  return key
}

/** Depth first, anchors before sent certificates, each certificate at most once on a path. */
class PathSearch {
  readonly #request: ChainToVerify
  #signaturesLeft = maxSignatures
  /** Why the first issuer that had the right name would not do: a better answer than "unknown". */
  #firstRefusal: TlsError | undefined

  constructor(request: ChainToVerify) {
    this.#request = request
  }

  /** Returns when there is a path from `leaf` to an anchor, throws when there is none. */
  run(leaf: Certificate): void {
    if (this.#reachesAnchor(leaf, [])) return
    const unknown = `is signed by "${leaf.issuer.text}", which leads to no trusted CA`
    throw this.#firstRefusal ?? fault('UNKNOWN_CA', leaf, unknown, this.#whereItEnds(leaf))
  }

  /** Where the names lead in what was sent, when they lead to no anchor. */
  #whereItEnds(leaf: Certificate): FaultDetail {
    const { chain } = this.#request
    const path = [leaf]
    for (;;) {
      const top = path.at(-1)!
      if (isSelfIssued(top)) return top === leaf ? 'self_signed_leaf' : 'self_signed_authority'
      const issuer = chain.find(sent => equalBytes(sent.subject.raw, top.issuer.raw) && !path.includes(sent))
      if (!issuer) return path.length === 1 ? 'lone_leaf' : 'issuer_missing'
      path.push(issuer)
    }
  }

  /** `below` are the intermediates already on the path, without the leaf. */
  #reachesAnchor(child: Certificate, below: readonly Certificate[]): boolean {
    const { anchors, chain } = this.#request
    const isIssuer = (candidate: Certificate) => this.#isIssuer(candidate, child, below)
    if (anchors.some(isIssuer)) return true
    if (below.length === maxIntermediates) return false
    const unused = chain.slice(1).filter(sent => sent !== child && !below.includes(sent))
    return unused.some(sent => isIssuer(sent) && this.#reachesAnchor(sent, [...below, sent]))
  }

  #isIssuer(candidate: Certificate, child: Certificate, below: readonly Certificate[]): boolean {
    if (!equalBytes(candidate.subject.raw, child.issuer.raw)) return false
    try {
      const key = requireUsable(candidate, this.#request)
      requireAuthority(candidate, below)
      this.#requireSignature(child, key)
      return true
    } catch (error) {
      if (!(error instanceof TlsError) || error.code === 'CERTIFICATE_UNKNOWN') throw error
      this.#firstRefusal ??= error
      return false
    }
  }

  #requireSignature(child: Certificate, issuerKey: PublicKey): void {
    const { signatureAlgorithm: algorithm, tbsCertificate, signature } = child
    if (algorithm.type === 'unsupported') {
      const came = algorithm.algorithm
      fail('UNSUPPORTED_CERTIFICATE', child, `has a signature of algorithm ${came}, not done here`)
    }
    // Two documents with one SHA-1, which anybody can make since 2017, share one signature.
    if (algorithm.hash === 'sha1') {
      fail('CERTIFICATE_REFUSED', child, 'is signed with SHA-1, wanted SHA-256 or better')
    }
    this.#signaturesLeft -= (issuerKey.type === 'ec' && signatureCost[issuerKey.curve]) || 1
    if (this.#signaturesLeft < 0) {
      fail('CERTIFICATE_UNKNOWN', child, `needs over ${maxSignatures} signature checks`)
    }
    const scheme = schemeOf(algorithm, issuerKey)
    if (!scheme || !this.#request.verify(scheme, issuerKey, tbsCertificate, signature)) {
      const problem = `has a signature that "${child.issuer.text}" did not make`
      fail('CERTIFICATE_REFUSED', child, problem, 'bad_signature')
    }
  }
}

/** What every certificate on a path has to be: in its time, understood, for the purpose, and with a strong key. */
function requireUsable(certificate: Certificate, { nowMs, usage }: ChainToVerify): PublicKey {
  const { notBeforeMs, notAfterMs, subjectPublicKey: key, extensions } = certificate
  if (nowMs < notBeforeMs) {
    fail('CERTIFICATE_EXPIRED', certificate, `is not valid before ${timeText(notBeforeMs)}`, 'not_yet_valid')
  }
  if (nowMs > notAfterMs) fail('CERTIFICATE_EXPIRED', certificate, `expired at ${timeText(notAfterMs)}`)
  const [unknown] = extensions.unknownCritical
  if (unknown) {
    fail('UNSUPPORTED_CERTIFICATE', certificate, `has the critical extension ${unknown}, not processed here`)
  }
  if (key.type === 'unsupported') {
    const came = keyAlgorithmName(key.algorithm)
    fail('UNSUPPORTED_CERTIFICATE', certificate, `has a key of type ${came}, wanted RSA, EC or Ed25519`)
  }
  const bits = key.type === 'rsa' || key.type === 'rsa-pss' ? bitLength(key.modulus) : minModulusBits
  if (bits < minModulusBits) {
    fail('CERTIFICATE_REFUSED', certificate, `has an RSA key of ${bits} bits, wanted ${minModulusBits}`)
  }
  // RFC 5280 §4.2.1.12: a list without our purpose is for something else. In an issuer we take it as a limit too.
  if (extensions.extendedKeyUsage && !extensions.extendedKeyUsage.includes(Oid[usage])) {
    const problem = `is for other purposes, its extended key usage lacks ${usage}`
    fail('CERTIFICATE_REFUSED', certificate, problem, 'wrong_purpose')
  }
  return key
}

/**
 * Whether a certificate's key may be used so (RFC 5280 §4.2.1.3): to sign, or to be encrypted to. The cipher suite says
 * which of them is needed (RFC 5246 §7.4.2).
 */
export function allowsKeyUsage({ extensions }: Certificate, usage: KeyUsage): boolean {
  return extensions.keyUsage?.includes(usage) ?? true
}

/** What an issuer has to be (RFC 5280 §6.1.4, steps k to n), with the intermediates `below` it. */
function requireAuthority(issuer: Certificate, below: readonly Certificate[]): void {
  const { basicConstraints, keyUsage } = issuer.extensions
  if (!basicConstraints?.cA)
    fail('CERTIFICATE_REFUSED', issuer, 'is not a CA, its basic constraints lack cA', 'wrong_purpose')
  if (keyUsage && !keyUsage.includes('keyCertSign')) {
    fail('CERTIFICATE_REFUSED', issuer, 'may not sign certificates, its key usage lacks keyCertSign')
  }
  // Self-issued certificates, which a CA makes when it changes keys, do not count.
  const depth = below.filter(certificate => !isSelfIssued(certificate)).length
  const { pathLenConstraint } = basicConstraints
  if (pathLenConstraint !== undefined && depth > pathLenConstraint) {
    const problem = `allows ${pathLenConstraint} intermediate certificates below it, found ${depth}`
    fail('CERTIFICATE_REFUSED', issuer, problem, 'path_too_long')
  }
}

function isSelfIssued({ subject, issuer }: Certificate): boolean {
  return equalBytes(subject.raw, issuer.raw)
}

function fault(code: FaultCode, certificate: Certificate, problem: string, detail?: FaultDetail): TlsError {
  const message = `certificate: the one for "${certificate.subject.text}" ${problem}`
  return new TlsError(code, message, { certificate: certificate.raw, ...(detail && { detail }) })
}

function fail(code: FaultCode, certificate: Certificate, problem: string, detail?: FaultDetail): never {
  throw fault(code, certificate, problem, detail)
}

function namesOf({ extensions }: Certificate): string {
  const { dnsNames = [], ipAddresses = [] } = extensions.subjectAltName ?? {}
  const shown = [...dnsNames.slice(0, 5), ...ipAddresses.slice(0, 5).map(addressText)]
  return shown.map(name => JSON.stringify(name)).join(', ') || 'no name at all'
}

/** IPv4 with dots, IPv6 in eight groups (RFC 4291 §2.2, form 1). */
function addressText(bytes: Uint8Array): string {
  if (bytes.length !== 16) return bytes.join('.')
  const groups = Array.from({ length: 8 }, (_, i) => (bytes[2 * i]! << 8) | bytes[2 * i + 1]!)
  return groups.map(group => group.toString(16)).join(':')
}

const timeText = (ms: number) => new Date(ms).toISOString()
