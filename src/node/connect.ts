import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { certificateVerifier, selectByServerName } from '../driver/certificates.ts'
import { ApiMisuse } from '../errors.ts'
import type { ClientConfig } from '../handshake/config.ts'
import { decodeClientSession } from '../session/client-session.ts'
import { isDnsName } from '../x509/host-name.ts'
import { type ProtocolList, readProtocols } from './application-protocols.ts'
import { type FragmentLength, readFragmentLength, readRecordSizeLimit } from './fragment-limits.ts'
import { commonConfig, createSecureContext, type SecureContextOptions } from './secure-context.ts'
import { TLSSocket } from './tls-socket.ts'

export interface ConnectionOptions extends SecureContextOptions {
  /** `localhost` by default. */
  readonly host?: string
  readonly port?: number
  /** A connected transport, instead of host and port. */
  readonly socket?: Socket
  /** The name to ask for (SNI) and to verify; `host` by default. '' asks for none, and `host` is verified all the same. */
  readonly servername?: string
  /** Whether a server whose certificate does not verify is refused: true by default. */
  readonly rejectUnauthorized?: boolean
  /** What `getSession()` gave on an earlier connection to the same name. */
  readonly session?: Uint8Array
  /** Whether to ask for a session ticket (RFC 5077): false by default, unless `session` holds one. */
  readonly tickets?: boolean
  /** Protocols to offer by ALPN, in order of preference. */
  readonly ALPNProtocols?: ProtocolList
  /** Whether to ask for a stapled OCSP response: 'OCSPResponse' (Buffer, or null for none) comes before 'secureConnect'. It is not judged here. */
  readonly requestOCSP?: boolean
  /** Ask for certificate timestamps: `socket.signedCertificateTimestamps` (RFC 6962 §3.3.1). */
  readonly requestSCT?: boolean
  /** The longest plaintext of a record to ask the server for, in bytes: 64 to 16,384 (RFC 8449). */
  readonly recordSizeLimit?: number
  /** The same in the older way, for both directions (RFC 6066 §4). */
  readonly maxFragmentLength?: FragmentLength
  /** Milliseconds until an unfinished handshake is given up: 120,000 by default. */
  readonly handshakeTimeout?: number
  /** Emit 'keylog' events. */
  readonly keylog?: boolean
}

/**
 * Opens a TLS connection. Emits 'secureConnect' when the handshake has ended, 'session' (Buffer) when it made
 * one that the server keeps, 'error' when either failed. Throws ApiMisuse or TlsError for options that cannot be read.
 */
export function connect(options: ConnectionOptions, onSecureConnect?: () => void): TLSSocket {
  const { host = 'localhost', rejectUnauthorized = true } = options
  const context = createSecureContext(options)
  const { provider, now, serverAnchors: anchors } = context
  const session = options.session && decodeClientSession(options.session)
  const config: ClientConfig = {
    ...commonConfig(context),
    ...clientConfig(options, host),
    session,
    tickets: options.tickets ?? session?.ticket !== undefined,
    verifiedSessionsOnly: rejectUnauthorized,
  }
  const transport =
    options.socket ?? connectTcp({ host, port: options.port ?? 443, allowHalfOpen: true, noDelay: true })
  const socket: TLSSocket = new TLSSocket(transport, {
    config,
    answers: {
      selectCertificate: selectByServerName(context.certifiedKeys),
      verifyCertificate: certificateVerifier({
        provider,
        anchors,
        now,
        rejectUnauthorized,
        onRefusal: reason => {
          socket.authorizationError = reason
        },
      }),
    },
    handshakeTimeoutMs: options.handshakeTimeout ?? 120_000,
  })
  socket.once('close', () => session?.session.masterSecret.wipe())
  if (onSecureConnect) socket.once('secureConnect', onSecureConnect)
  if (transport.connecting) transport.once('connect', () => socket.start())
  else socket.start()
  return socket
}

function clientConfig(options: ConnectionOptions, host: string) {
  return {
    role: 'client',
    serverName: nameToAskFor(options.servername, host),
    // Not `??`: an empty name would verify nobody in particular, where node:tls verifies the host.
    peerName: options.servername || host,
    // A client has no use for a lifetime of its own: the server decides, and 24 hours is the RFC's bound.
    sessionLifetimeSeconds: 24 * 60 * 60,
    alpnProtocols: readProtocols(options.ALPNProtocols),
    requestOcspResponse: options.requestOCSP ?? false,
    requestSignedCertificateTimestamps: options.requestSCT ?? false,
    recordSizeLimit: readRecordSizeLimit(options.recordSizeLimit),
    maxFragmentLength: readFragmentLength(options.maxFragmentLength),
    keylog: options.keylog ?? false,
  } as const
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
