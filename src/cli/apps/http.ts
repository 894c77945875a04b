import type { HandshakeReport, TLSSocket } from '../../node/index.ts'
import { clientName } from '../handshake-event.ts'
import { roundMs } from '../output.ts'

const maxHeadBytes = 16 * 1024
/** A reply has this many bytes whatever it says, so that a client can count the records that it comes in (RFC 8449 §4). */
const replyBytes = 1000
/** For a whole request: who takes longer is not a browser. */
const requestTimeoutMs = 30_000

/** Answers one request with a page about its own connection, and closes. @param server what the page calls this server */
export function answerHttp(socket: TLSSocket, server: string): void {
  let head = ''
  const timer = setTimeout(() => socket.destroy(), requestTimeoutMs)
  socket.once('close', () => clearTimeout(timer))
  const receive = (chunk: Buffer) => {
    head += chunk.toString('latin1')
    const end = /\r?\n\r?\n/.exec(head)
    if (!end && head.length <= maxHeadBytes) return
    socket.off('data', receive)
    // What else the client has to say is read and dropped, so that its own close comes through.
    socket.resume()
    const isTooLong = !end || end.index > maxHeadBytes
    const response = isTooLong ? refusal(431, maxHeadText) : respond(head, page(server, socket.handshake))
    // One write: the whole answer is one record, and close_notify follows it.
    socket.end(Buffer.from(encode(response), 'utf8'))
  }
  socket.on('data', receive)
}

interface Response {
  readonly status: number
  readonly body: string
  readonly headers?: readonly string[]
  readonly isBodyLeftOut?: boolean
}

const maxHeadText = `the head of a request may have ${maxHeadBytes} bytes`
const statusTexts: Readonly<Record<number, string>> = {
  200: 'OK',
  400: 'Bad Request',
  405: 'Method Not Allowed',
  431: 'Request Header Fields Too Large',
}

function respond(head: string, body: string): Response {
  const [, method] = /^([!-~]+) [!-~]+ HTTP\/1\.[01]\r?\n/.exec(head) ?? []
  if (method === undefined) return refusal(400, 'wanted a request line such as GET / HTTP/1.1')
  if (method === 'GET') return { status: 200, body }
  if (method === 'HEAD') return { status: 200, body, isBodyLeftOut: true }
  return refusal(405, `${method} is not answered here, GET and HEAD are`, ['allow: GET, HEAD'])
}

function refusal(status: number, text: string, headers: readonly string[] = []): Response {
  return { status, body: `${text}\n`, headers }
}

function encode({ status, body, headers = [], isBodyLeftOut = false }: Response): string {
  const lines = [
    `HTTP/1.1 ${status} ${statusTexts[status]}`,
    'content-type: text/plain; charset=utf-8',
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    'connection: close',
    ...headers,
  ]
  const reply = (padding: string) =>
    `${[...lines, `x-padding: ${padding}`].join('\r\n')}\r\n\r\n${isBodyLeftOut ? '' : body}`
  return reply('.'.repeat(Math.max(0, replyBytes - Buffer.byteLength(reply('')))))
}

/** What there is to know about a connection, a line each. */
function page(server: string, report: HandshakeReport | undefined): string {
  if (!report) return ''
  const lines = [
    ['server', server],
    ['protocol', report.protocol],
    ['cipher', report.cipher],
    ['resumed', report.resumed ? 'yes' : 'no'],
    ['reason', report.reason],
    ['owner', report.owner ?? 'none'],
    ['look-up', report.lookupMs === undefined ? 'none' : `${roundMs(report.lookupMs)} ms`],
    ['group', report.group ?? 'none'],
    ['alpn', report.alpnProtocol ?? 'none'],
    ['client', clientText(report)],
  ]
  return lines.map(([name, value]) => `${name}: ${value}\n`).join('')
}

function clientText(report: HandshakeReport): string {
  const name = clientName(report)
  if (name === undefined) return 'none'
  return `${name} (${report.clientAuthenticated ? 'verified' : 'not verified'})`
}
