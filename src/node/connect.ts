import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { certificateVerifier } from '../driver/certificates.ts'
import { ApiMisuse } from '../errors.ts'
import type { ClientConfig } from '../handshake/config.ts'
import { decodeClientSession } from '../session/client-session.ts'
import { isDnsName } from '../x509/host-name.ts'
import { createSecureContext, type SecureContextOptions } from './secure-context.ts'
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
  const { provider, random, now, cipherSuites, anchors } = context
  const session = options.session && decodeClientSession(options.session)
  const config: ClientConfig = {
    role: 'client',
    provider,
    random,
    now,
    cipherSuites,
    serverName: nameToAskFor(options.servername, host),
    // Not `??`: an empty name would verify nobody in particular, where node:tls verifies the host.
    peerName: options.servername || host,
    session,
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
  socket.once('close', () => session?.session.masterSecret.wipe())
  if (onSecureConnect) socket.once('secureConnect', onSecureConnect)
  if (transport.connecting) transport.once('connect', () => socket.start())
  else socket.start()
  return socket
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
