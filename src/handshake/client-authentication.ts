/** A client that proves who it is: CertificateRequest, Certificate, CertificateVerify (RFC 5246 §7.4.4, §7.4.6, §7.4.8). */
import { emptyBytes } from '../bytes.ts'
import type { PublicKey } from '../crypto/provider.ts'
import type { SignatureScheme } from '../crypto/signature-schemes.ts'
import { TlsError } from '../errors.ts'
import type { CertificateRequest } from '../messages/certificate-request.ts'
import { type Certificate, parseCertificate } from '../x509/certificate.ts'
import { allowsKeyUsage } from '../x509/verify.ts'
import type { Agreed } from './agreement.ts'
import { isOfKind, usableClientScheme } from './certificate-choice.ts'
import type { ClientFlow } from './client.ts'
import { ask, type CertificateWanted, type Handshake, type Policy } from './effects.ts'
import { receive } from './gate.ts'
import type { ServerFlow } from './server.ts'
import { sign, verifySignature } from './signatures.ts'

/** Server: asks for a certificate, where it is configured to. */
export function sendCertificateRequest(hs: ServerFlow, policy: Policy): void {
  if (!asksForCertificate(hs)) return
  hs.send('certificate_request', {
    certificateTypes: ['rsa_sign', 'ecdsa_sign'],
    supportedSignatureAlgorithms: hs.signatureSchemes,
    certificateAuthorities: policy.certificateAuthorities ?? hs.config.certificateAuthorities ?? [],
  })
}

function asksForCertificate(hs: ServerFlow): boolean {
  return (hs.config.clientAuth ?? 'none') !== 'none'
}

/** A client that showed a certificate, and has yet to prove that it has the key. */
export interface ClaimedClient {
  readonly certificateList: readonly Uint8Array[]
  readonly leaf: Certificate
  readonly publicKey: PublicKey
  /** Whether the chain leads to an authority of ours. */
  readonly verified: boolean
}

/** Server: waits for the client's chain, where one was asked for. `undefined` for a client without one, if that will do. */
export function* receiveClientCertificate(hs: ServerFlow): Handshake<ClaimedClient | undefined> {
  if (!asksForCertificate(hs)) return undefined
  const { certificateList } = yield* receive(hs, 'certificate')
  const chain = certificateList.map(parseCertificate)
  const [leaf] = chain
  if (!leaf) {
    if (hs.config.clientAuth === 'require')
      throw new TlsError(
        'PEER_DID_NOT_RETURN_A_CERTIFICATE',
        'the client has no certificate, and must have one',
      )
    return undefined
  }
  verifyLeafFitsRequest(leaf)
  const peer = yield* ask({
    kind: 'verifyCertificate',
    chain,
    peerName: '',
    usage: 'clientAuth',
    ocspResponse: undefined,
    signedCertificateTimestamps: [],
  })
  return { certificateList, leaf, ...peer }
}

/** The certificate must be of a type that was asked for, and one to sign with (RFC 5246 §7.4.6). */
function verifyLeafFitsRequest(leaf: Certificate): void {
  const key = leaf.subjectPublicKey
  if (!isOfKind(key, 'rsa') && !isOfKind(key, 'ecdsa'))
    throw new TlsError(
      'WRONG_CERTIFICATE_TYPE',
      `the client's certificate has a key of type ${key.type}, which was not asked for`,
    )
  if (!allowsKeyUsage(leaf, 'digitalSignature'))
    throw new TlsError(
      'KEY_USAGE_BIT_INCORRECT',
      "the client's certificate may not sign: digitalSignature is missing",
    )
}

/** Server: waits for the proof. It signs all messages from ClientHello to ClientKeyExchange (RFC 5246 §7.4.8). */
export function* receiveCertificateVerify(
  hs: ServerFlow,
  client: ClaimedClient | undefined,
): Handshake<SignatureScheme | undefined> {
  if (!client) return undefined
  const signed = hs.transcript.messages()
  const { handshakeMessages } = yield* receive(hs, 'certificate_verify')
  return verifySignature(hs, client.publicKey, handshakeMessages, signed)
}

/** Client: what it will prove to have. */
export interface ClientProof {
  readonly scheme: SignatureScheme
  /** The leaf, in DER. */
  readonly certificate: Uint8Array
  readonly prove: () => Handshake<void>
}

/** Client: answers CertificateRequest with the chain that fits, or with an empty list (RFC 5246 §7.4.6). */
export function* sendClientCertificate(
  hs: ClientFlow,
  agreed: Agreed,
  request: CertificateRequest,
): Handshake<ClientProof | undefined> {
  const wanted: CertificateWanted = {
    role: 'client',
    serverName: hs.config.serverName,
    cipherSuites: [agreed.suite],
    groups: undefined,
    schemes: request.supportedSignatureAlgorithms,
    signingSchemes: hs.signingSchemes,
    certificateTypes: request.certificateTypes,
    authorities: request.certificateAuthorities,
  }
  const certified = yield* ask({ kind: 'selectCertificate', ...wanted })
  const scheme = certified && usableClientScheme(certified, wanted)
  hs.send('certificate', { certificateList: scheme ? certified.certificateList : [] })
  if (!scheme) return undefined
  return {
    scheme,
    certificate: certified.leaf.raw,
    *prove() {
      const handshakeMessages = yield* sign(certified.key, scheme, hs.transcript.messages())
      hs.send('certificate_verify', { handshakeMessages })
    },
  }
}

/** The leaf that a session remembers: a copy, which does not keep the chain it came in. */
export function leafOf(certificateList: readonly Uint8Array[] | undefined): Uint8Array {
  return certificateList?.[0]?.slice() ?? emptyBytes
}
