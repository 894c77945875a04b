import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { certificateVerifier } from '../driver/certificates.ts'
import type { ClientConfig } from '../handshake/config.ts'
import { decodeClientSession } from '../session/client-session.ts'
import { createSecureContext, type SecureContextOptions } from './secure-context.ts'
import { TLSSocket } from './tls-socket.ts'

export interface ConnectionOptions extends SecureContextOptions {
  /** `localhost` by default. */
  readonly host?: string
  readonly port?: number
  /** A connected transport, instead of host and port. */
  readonly socket?: Socket
  /** The name to ask for (SNI) and to verify; `host` by default, unless that is an IP address. */
  readonly servername?: string
  /** Whether a server whose certificate does not verify is refused: true by default. */
  readonly rejectUnauthorized?: boolean
  /** What `getSession()` gave on an earlier connection to the same name. */
  readonly session?: Uint8Array
  /** Milliseconds until an unfinished handshake is given up: 120,000 by default. */
  readonly handshakeTimeout?: number
  /** Emit 'keylog' events. */
  readonly keylog?: boolean
}

/**
 * Opens a TLS connection. Emits 'secureConnect' when the handshake has ended, 'session' (Buffer) when the
 * server keeps it, 'error' when either failed. Throws ApiMisuse or TlsError for options that cannot be read.
 */
export function connect(options: ConnectionOptions, onSecureConnect?: () => void): TLSSocket {
  const { host = 'localhost', rejectUnauthorized = true } = options
  const context = createSecureContext(options)
  const { provider, random, now, cipherSuites, anchors } = context
  const config: ClientConfig = {
    role: 'client',
    provider,
    random,
    now,
    cipherSuites,
    serverName: options.servername ?? (isIP(host) === 0 ? host : undefined),
    peerName: options.servername ?? host,
    session: options.session && decodeClientSession(options.session),
    verifiedSessionsOnly: rejectUnauthorized,
    // A client has no use for a lifetime of its own: the server decides, and 24 hours is the RFC's bound.
    sessionLifetimeSeconds: 24 * 60 * 60,
    keylog: options.keylog ?? false,
  }
  const transport =
    options.socket ?? connectTcp({ host, port: options.port ?? 443, allowHalfOpen: true, noDelay: true })
  const socket: TLSSocket = new TLSSocket(transport, {
    config,
    answers: {
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
  if (onSecureConnect) socket.once('secureConnect', onSecureConnect)
  if (transport.connecting) transport.once('connect', () => socket.start())
  else socket.start()
  return socket
}
