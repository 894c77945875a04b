/** A client of a session node that is written by hand: it signs as request-signature.ts documents it, with node:crypto alone. */
import { createHash, createHmac } from 'node:crypto'
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { connect } from 'node:net'
import { type Clock, derivedKey } from './support.ts'

export interface Ask {
  readonly method?: string
  readonly path?: string
  readonly body?: Uint8Array
  readonly lifetime?: string
  readonly contentType?: string
  /** What the request is signed with, where it is not what is right. */
  readonly sign?: Partial<
    Record<'method' | 'path' | 'nodeId' | 'lifetime' | 'digest' | 'body' | 'time' | 'nonce', string>
  >
  readonly epoch?: number
  readonly key?: Buffer
  readonly authorization?: string | undefined
  /** Ask that the connection be kept. */
  readonly keepAlive?: boolean
  readonly digest?: string
  readonly headers?: Readonly<Record<string, string>>
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Buffer
}

/** The path of a storage key of 32 equal bytes. */
export const keyPath = (fill: number) => `/v1/sessions/${Buffer.alloc(32, fill).toString('base64url')}`
/** SHA-256 in base64url. */
export const hash = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest('base64url')

export interface NodeClientOptions {
  readonly host?: string
  readonly port: number
  readonly clock: Clock
  readonly nodeId: string
  readonly digest: string
  /** PEM, for https. */
  readonly tls?: { readonly cert?: string; readonly key?: string; readonly ca: string }
}

let nonces = 0

export class NodeClient {
  readonly options: NodeClientOptions

  constructor(options: NodeClientOptions) {
    this.options = options
  }

  authorizationOf(ask: Ask): string {
    const { clock, nodeId, digest } = this.options
    const {
      method = 'GET',
      path = keyPath(1),
      body = new Uint8Array(0),
      lifetime = '',
      sign = {},
      epoch = 1,
    } = ask
    const time = sign.time ?? String(clock.nowMs)
    const nonce = sign.nonce ?? createHash('md5').update(`nonce ${nonces++}`).digest('base64url')
    const lines = [
      'ringtls request v1',
      sign.method ?? method,
      sign.path ?? path,
      sign.nodeId ?? nodeId,
      sign.lifetime ?? lifetime,
      sign.digest ?? ask.digest ?? digest,
      sign.body ?? hash(body),
      time,
      nonce,
    ]
    const mac = createHmac('sha256', ask.key ?? derivedKey(epoch, 'request'))
      .update(`${lines.join('\n')}\n`)
      .digest('base64url')
    return `ringtls-hmac-sha256 epoch=${epoch},time=${time},nonce=${nonce},mac=${mac}`
  }

  headersOf(wanted: Ask): Record<string, string> {
    const { body, lifetime, contentType = 'application/octet-stream' } = wanted
    const authorization = 'authorization' in wanted ? wanted.authorization : this.authorizationOf(wanted)
    const headers: Record<string, string> = { 'ringtls-cluster-digest': wanted.digest ?? this.options.digest }
    if (wanted.keepAlive) headers.connection = 'keep-alive'
    if (authorization !== undefined) headers.authorization = authorization
    if (lifetime !== undefined) headers['ringtls-ttl-ms'] = lifetime
    if (body !== undefined) headers['content-type'] = contentType
    return { ...headers, ...wanted.headers }
  }

  ask(wanted: Ask = {}): Promise<Answer> {
    const { method = 'GET', path = keyPath(1), body } = wanted
    const { host = '127.0.0.1', port, tls } = this.options
    // node:http would send the body of a GET without saying how long it is.
    const length = body === undefined ? {} : { 'content-length': String(body.length) }
    const headers = { ...length, ...this.headersOf(wanted) }
    const options = { host, port, method, path, headers, agent: false } as const
    return new Promise((resolve, reject) => {
      const onResponse = (response: IncomingMessage) => {
        const parts: Buffer[] = []
        response.on('data', part => parts.push(part))
        response.on('end', () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            body: Buffer.concat(parts),
          }),
        )
        response.on('error', reject)
      }
      const sent: ClientRequest = tls
        ? httpsRequest({ ...options, ...tls }, onResponse)
        : httpRequest(options, onResponse)
      sent.on('error', reject)
      sent.end(body)
    })
  }
}

/** Writes bytes to a port and resolves with all that comes back once the other side closes, or `enough` is satisfied. */
export function exchange(
  port: number,
  text: string,
  enough: (said: string) => boolean = () => false,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(text))
    let said = ''
    socket.on('data', data => {
      said += data
      if (enough(said)) socket.destroy()
    })
    socket.on('error', error =>
      'code' in error && error.code === 'ECONNRESET' ? socket.destroy() : reject(error),
    )
    socket.on('close', () => resolve(said))
  })
}

/** One HTTP/1.1 response as it came over the wire. */
export function parseResponse(text: string): Answer {
  const at = text.indexOf('\r\n\r\n')
  const [first = '', ...lines] = text.slice(0, at).split('\r\n')
  const headers = Object.fromEntries(
    lines.map(line => [
      line.slice(0, line.indexOf(':')).toLowerCase(),
      line.slice(line.indexOf(':') + 1).trim(),
    ]),
  )
  return { status: Number(first.split(' ')[1]), headers, body: Buffer.from(text.slice(at + 4)) }
}
