/** Clients of the soak: node:tls, TLS 1.2, session IDs. */
import { connect } from 'node:tls'

/** What one visit was like. */
export interface Visit {
  readonly startMs: number
  readonly endMs: number
  readonly server: string
  /** As the page of the server has it. */
  readonly reason: string
  readonly owner: string
  readonly isResumed: boolean
  readonly session: Buffer | undefined
}

export interface VisitOptions {
  readonly port: number
  readonly ca: string
  readonly session?: Buffer | undefined
}

/** Longer than any budget: whoever waits so long sees an error. */
const timeoutMs = 30_000

/** A handshake, a request, and the whole answer. Rejects with what a client would see as an error. */
export function visit({ port, ca, session }: VisitOptions): Promise<Visit> {
  const startMs = Date.now()
  return new Promise((resolve, reject) => {
    const socket = connect({
      ...{ host: '127.0.0.1', port, servername: 'localhost', ca, maxVersion: 'TLSv1.2', timeout: timeoutMs },
      ...(session ? { session } : {}),
    })
    let text = ''
    let made: Buffer | undefined
    let endMs = 0
    let isResumed = false
    socket.once('secureConnect', () => {
      endMs = Date.now()
      made = socket.getSession()
      isResumed = socket.isSessionReused()
      socket.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n')
    })
    socket.on('data', chunk => {
      text += chunk
    })
    socket.once('timeout', () => socket.destroy(new Error(`nothing came for ${timeoutMs} ms`)))
    socket.once('error', reject)
    socket.once('close', () => {
      try {
        resolve({ startMs, endMs, session: made, isResumed, ...readPage(text, isResumed) })
      } catch (error) {
        reject(error)
      }
    })
  })
}

function readPage(text: string, isResumed: boolean): Pick<Visit, 'server' | 'reason' | 'owner'> {
  const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(text)?.[1]
  const [server, reason, owner, resumed] = ['server', 'reason', 'owner', 'resumed'].map(field)
  if (
    !text.startsWith('HTTP/1.1 200 ') ||
    server === undefined ||
    reason === undefined ||
    owner === undefined
  )
    throw new Error(`a whole page was wanted, and ${text.length} bytes of something else came`)
  if (isResumed !== (resumed === 'yes')) throw new Error('client and server disagree about the resumption')
  return { server, reason, owner }
}
