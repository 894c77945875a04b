import { connect as connectTcp, type NetConnectOpts, type TcpSocketConnectOpts } from 'node:net'
import type { Duplex } from 'node:stream'
import { apiMisuse } from './api-misuse.ts'
import type { ClientSocketOptions } from './client-terms.ts'
import { TLSSocket } from './tls-socket.ts'

/** Of net.connect, what concerns the transport; of ours, what concerns TLS. */
export interface ConnectionOptions
  extends ClientSocketOptions,
    Partial<Omit<TcpSocketConnectOpts, 'host' | 'port' | 'allowHalfOpen' | 'onread'>> {
  readonly port?: number | undefined
  /** Of a Unix domain socket, instead of host and port. */
  readonly path?: string | null | undefined
  /** A transport, connected or on its way, instead of host and port: any Duplex. */
  readonly socket?: Duplex | undefined
  /** Whether the socket can still be written to when the server has ended: false by default. */
  readonly allowHalfOpen?: boolean | undefined
  /** Bytes that are read ahead, and that a writer may be ahead of the transport; Node's default of 16 KiB to 64 KiB. */
  readonly highWaterMark?: number | undefined
  /** Milliseconds without any traffic until 'timeout'; never by default. */
  readonly timeout?: number | undefined
  /** Destroys the socket when it is aborted, with an AbortError. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Opens a TLS connection. Emits 'secureConnect' when the handshake has ended, 'session' (Buffer) when it made
 * one that the server keeps, 'error' when either failed. Throws ApiMisuse or TlsError for options that cannot be read.
 */
export function connect(options: ConnectionOptions, onSecureConnect?: () => void): TLSSocket
export function connect(
  port: number,
  host?: string,
  options?: ConnectionOptions,
  onSecureConnect?: () => void,
): TLSSocket
export function connect(port: number, options?: ConnectionOptions, onSecureConnect?: () => void): TLSSocket
export function connect(path: string, options?: ConnectionOptions, onSecureConnect?: () => void): TLSSocket
export function connect(...args: unknown[]): TLSSocket {
  const options = optionsOf(args)
  const onSecureConnect = args.at(-1)
  if (options.port === undefined && !options.path && !options.socket)
    throw apiMisuse('ERR_MISSING_ARGS', 'connect(): give port, path or socket')
  const socket = socketOf(options)
  if (typeof onSecureConnect === 'function') socket.once('secureConnect', onSecureConnect as () => void)
  if (options.timeout) socket.setTimeout(options.timeout)
  return socket
}

function socketOf(options: ConnectionOptions): TLSSocket {
  const transport = options.socket ?? openTransport(options)
  // What a transport of our own allows says nothing of what its user wants.
  const allowHalfOpen = options.allowHalfOpen ?? options.socket?.allowHalfOpen ?? false
  try {
    const { host = 'localhost' } = options
    return new TLSSocket(transport, { ...options, host, isServer: false, allowHalfOpen })
  } catch (error) {
    if (!options.socket) transport.destroy()
    throw error
  }
}

/** All ways to say it that net.connect and tls.connect know. */
function optionsOf([first, ...others]: readonly unknown[]): ConnectionOptions {
  if (typeof first === 'object' && first !== null) return first as ConnectionOptions
  const given = others.find(other => typeof other === 'object' && other !== null) as ConnectionOptions
  if (typeof first === 'string' && Number.isNaN(Number(first))) return { path: first, ...given }
  const [host] = others
  return { port: first as number, ...(typeof host === 'string' ? { host } : {}), ...given }
}

/** Half-open, so that the transport's end does not cut off what TLS still has to send. */
function openTransport(options: ConnectionOptions): Duplex {
  const { host = 'localhost', port, noDelay = true } = options
  // What concerns the stream is ours to do, above TLS.
  const above = { signal: undefined, onread: undefined, timeout: undefined, highWaterMark: undefined }
  return connectTcp({ ...options, ...above, host, port, noDelay, allowHalfOpen: true } as NetConnectOpts)
}
