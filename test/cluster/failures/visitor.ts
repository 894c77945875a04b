/** Clients of node:tls, which is OpenSSL: other people's eyes on what our servers do. By session ID, without tickets. */
import { constants } from 'node:crypto'
import { type ConnectionOptions, connect } from 'node:tls'
import { fixture } from '../../support/fixtures.ts'
import { readSession } from './openssl-session.ts'

/** Long enough for two busy cores; a client that waits longer hangs. */
const deadlineMs = 15_000

/** RSA key exchange is the method's own path, and the one that costs a test least. */
const ciphers = 'AES128-GCM-SHA256'

/** One visit to a server's page that came to its end. */
export interface Visit {
  /** As the client sees it. */
  readonly resumed: boolean
  /** As the page says it: a word of `resumption_total`, or `no_id`. */
  readonly reason: string
  /** Every line of the page. */
  readonly page: Readonly<Record<string, string>>
  /** For the next visit, in OpenSSL's form. */
  readonly session: Buffer
  readonly sessionId: Buffer
  readonly masterSecret: Buffer
}

/** Visits a `ringtls server` that runs its http application. Rejects with the client's error, or when it hangs. */
export function visit(port: number, options: ConnectionOptions = {}): Promise<Visit> {
  const socket = connect({
    ...{ host: '127.0.0.1', port, servername: 'localhost', ca: [fixture('ca.pem'), fixture('ec-ca.pem')] },
    ...{ ciphers, maxVersion: 'TLSv1.2', secureOptions: constants.SSL_OP_NO_TICKET },
    ...options,
  })
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => end(new Error(`the client hangs: ${deadlineMs} ms`)), deadlineMs)
    const end = (error: Error) => {
      clearTimeout(timer)
      socket.destroy()
      reject(error)
    }
    let text = ''
    let session = Buffer.alloc(0)
    socket.once('error', end)
    socket.once('secureConnect', () => {
      session = socket.getSession() ?? session
      socket.write('GET / HTTP/1.0\r\n\r\n')
    })
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
    })
    socket.once('end', () => {
      const page = fieldsOf(text)
      // Where the handshake did not end either, the socket's own error comes first.
      if (page.resumed === undefined) return setImmediate(() => end(new NoPage(text)))
      clearTimeout(timer)
      const resumed = socket.isSessionReused()
      socket.destroy()
      if (page.resumed !== (resumed ? 'yes' : 'no'))
        return reject(new Error(`the client says resumed: ${resumed}, the page: ${text}`))
      resolve({ resumed, reason: page.reason ?? '', page, session, ...readSession(session) })
    })
  })
}

/** The connection was ended after its handshake, and nothing was said. */
class NoPage extends Error {
  readonly code = 'NO_PAGE'

  constructor(text: string) {
    super(`the server ended the connection after ${JSON.stringify(text)}`)
  }
}

/** What became of a client that is not expected to come through: the name of OpenSSL's error, or 'no error'. */
export async function failureOf(visiting: Promise<unknown>): Promise<string> {
  try {
    await visiting
    return 'no error'
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : String(error)
  }
}

function fieldsOf(page: string): Record<string, string> {
  return Object.fromEntries(
    [...page.matchAll(/^([a-z-]+): (.*?)\r?$/gm)].map(([, name, value]) => [name, value] as const),
  )
}
