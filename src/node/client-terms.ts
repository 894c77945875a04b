/** What a client's connection is like, from its options. */
import { isIP } from 'node:net'
import type { PeerCertificate } from 'node:tls'
import { certificateVerifier, selectByServerName } from '../driver/certificates.ts'
import { ApiMisuse, TlsError } from '../errors.ts'
import type { ClientConfig, TracedMessage } from '../handshake/config.ts'
import type { Ask, VerifiedPeer } from '../handshake/effects.ts'
import { type ClientSession, decodeClientSession } from '../session/client-session.ts'
import { isDnsName } from '../x509/host-name.ts'
import { askApplication, CallbackError } from './api-misuse.ts'
import { type ProtocolList, readProtocols } from './application-protocols.ts'
import { type FragmentLength, readFragmentLength, readRecordSizeLimit } from './fragment-limits.ts'
import { readBytes, readFunction } from './option-types.ts'
import { peerCertificateOf, withAnchors } from './peer-certificate.ts'
import { commonConfig, contextOf, type SecureContext, type SecureContextOptions } from './secure-context.ts'
import { defaultHandshakeTimeoutMs, type SocketHooks, type SocketTerms } from './socket-terms.ts'

/** What a client's connection is like, whether `connect` or `new TLSSocket` makes it. */
export interface ClientSocketOptions extends SecureContextOptions {
  /** Certificates, keys and algorithms, made before by createSecureContext, in the place of all options of those. */
  readonly secureContext?: SecureContext | undefined
  /** Whose name counts where `servername` gives none; `connect` has `localhost` for it. Without either no name is asked for or verified. */
  readonly host?: string | undefined
  /** The name to ask for (SNI) and to verify; `host` by default. '' asks for none, and `host` is verified all the same. */
  readonly servername?: string | undefined
  /** Whether a server whose certificate does not verify is refused: true by default. */
  readonly rejectUnauthorized?: boolean | undefined
  /**
   * Judges whether a certificate is the peer's, in place of RFC 9525; asked when the chain has been verified. An Error says why it is
   * not. Not asked when a session is resumed.
   */
  readonly checkServerIdentity?:
    | ((hostname: string, certificate: PeerCertificate) => Error | undefined)
    | undefined
  /** Bits that a finite field must have: 2048 at the least, whatever stands here. */
  readonly minDHSize?: number | undefined
  /** What `getSession()` gave on an earlier connection to the same name. */
  readonly session?: Uint8Array | undefined
  /** Whether to ask for a session ticket (RFC 5077): true by default, since many servers, node:tls's among them, resume by nothing else. */
  readonly tickets?: boolean | undefined
  /** Protocols to offer by ALPN, in order of preference. */
  readonly ALPNProtocols?: ProtocolList | undefined
  /** Whether to ask for a stapled OCSP response: 'OCSPResponse' (Buffer, or null for none) comes before 'secureConnect'. It is not judged here. */
  readonly requestOCSP?: boolean | undefined
  /** Ask for certificate timestamps: `socket.signedCertificateTimestamps` (RFC 6962 §3.3.1). */
  readonly requestSCT?: boolean | undefined
  /** The longest plaintext of a record to ask the server for, in bytes: 64 to 16,384 (RFC 8449). */
  readonly recordSizeLimit?: number | undefined
  /** The same in the older way, for both directions (RFC 6066 §4). */
  readonly maxFragmentLength?: FragmentLength | undefined
  /** Milliseconds until an unfinished handshake is given up: 120,000 by default. */
  readonly handshakeTimeout?: number | undefined
  /** Emit 'keylog' events, also if nobody listens when the handshake begins. */
  readonly keylog?: boolean | undefined
  /** Hears of every message of the handshake, as it is sent or read. */
  readonly trace?: ((message: TracedMessage) => void) | undefined
}

/** The terms that options make. Throws ApiMisuse or TlsError for options that cannot be read. */
export function clientTermsOf(options: ClientSocketOptions, hooks: SocketHooks): SocketTerms {
  const context = contextOf(options)
  readFunction('trace', options.trace)
  const session = options.session && readSession(options.session)
  const config: ClientConfig = {
    ...commonConfig(context),
    ...clientConfig(options),
    session,
    tickets: options.tickets ?? true,
    verifiedSessionsOnly: options.rejectUnauthorized ?? true,
  }
  return {
    config,
    answers: {
      selectCertificate: selectByServerName(context.certifiedKeys),
      verifyCertificate: verifierOf(options, context, hooks),
    },
    anchors: () => context.serverAnchors,
    handshakeTimeoutMs: options.handshakeTimeout ?? defaultHandshakeTimeoutMs,
    wipe: () => session?.session.masterSecret.wipe(),
  }
}

/** A session to offer; one that cannot be read is none, and costs a full handshake. */
export function readSession(bytes: Uint8Array): ClientSession | undefined {
  try {
    return decodeClientSession(readBytes('session', bytes))
  } catch (error) {
    if (error instanceof TlsError) return undefined
    throw error
  }
}

function verifierOf(
  { checkServerIdentity, rejectUnauthorized = true }: ClientSocketOptions,
  context: SecureContext,
  { onRefusal }: SocketHooks,
): (ask: Ask<'verifyCertificate'>) => VerifiedPeer {
  return ask => {
    const { provider, now } = context
    // Not before there is a chain to judge: Node's roots take 0.1 s to read.
    const anchors = context.serverAnchors
    const verify = certificateVerifier({ provider, anchors, now, rejectUnauthorized, onRefusal })
    if (!checkServerIdentity) return verify(ask)
    const verified = verify({ ...ask, peerName: '' })
    const chain = withAnchors(
      ask.chain.map(({ raw }) => raw),
      anchors,
    )
    const given = askApplication('checkServerIdentity', () =>
      checkServerIdentity(ask.peerName, peerCertificateOf(chain, true) as PeerCertificate),
    )
    if (!given || !verified.verified) return verified
    const cause = new CallbackError('checkServerIdentity', given)
    const refusal = new TlsError('HOSTNAME_MISMATCH', cause.message, { cause })
    if (rejectUnauthorized) throw refusal
    onRefusal(refusal)
    return { ...verified, verified: false }
  }
}

function clientConfig(options: ClientSocketOptions) {
  const { host = '', trace } = options
  return {
    role: 'client',
    ...namesOf(options.servername, host),
    // A client has no use for a lifetime of its own: the server decides, and 24 hours is the RFC's bound.
    sessionLifetimeSeconds: 24 * 60 * 60,
    alpnProtocols: readProtocols(options.ALPNProtocols),
    requestOcspResponse: options.requestOCSP ?? false,
    requestSignedCertificateTimestamps: options.requestSCT ?? false,
    recordSizeLimit: readRecordSizeLimit(options.recordSizeLimit),
    maxFragmentLength: readFragmentLength(options.maxFragmentLength),
    keylog: options.keylog ?? false,
    ...(trace && { trace }),
  } as const
}

/** The name to ask for and the one to verify. */
export function namesOf(servername: string | undefined, host: string) {
  return {
    serverName: nameToAskFor(servername, host),
    // Not `??`: an empty name would verify nobody in particular, where node:tls verifies the host.
    peerName: servername || host,
  }
}

/** What server_name says: a DNS name without its trailing dot, never an IP address (RFC 6066 §3). */
function nameToAskFor(servername: string | undefined, host: string): string | undefined {
  const name = servername ?? host
  if (isIP(name) === 0 && isDnsName(name)) return name.replace(/\.$/, '')
  // A host may be any word that the system resolves; a name that was asked for in so many words must be one.
  if (servername && isIP(servername) === 0)
    throw new ApiMisuse(`servername ${JSON.stringify(servername.slice(0, 60))} is not a DNS name`)
  return undefined
}
