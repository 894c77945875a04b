import { fstatSync } from 'node:fs'
import { TlsError } from '../../errors.ts'
import { connect, createSecureContext, type HandshakeReport, type TLSSocket } from '../../node/index.ts'
import { readAnchors, readCertificates } from '../certificate-files.ts'
import type { ClientFlags } from '../commands/client.ts'
import { CommandFailed, errnoOf, inOurWords, UsageError } from '../failures.ts'
import { appendSecretFile } from '../files.ts'
import { handshakeEvent, handshakeFailedEvent } from '../handshake-event.ts'
import { fetchOverHttp } from '../http-request.ts'
import { type Address, addressText } from '../options.ts'
import { createOutput, type Output } from '../output.ts'
import { readSessionFile, whyNotOffered, writeSessionFile } from '../session-file.ts'
import { tlsOptions } from '../tls-flags.ts'

/** Makes one connection and tells how it went. */
export async function runClient(address: Address, flags: ClientFlags): Promise<void> {
  const output = createOutput(flags)
  if ((flags.ca === undefined) === (flags.insecure !== true)) {
    throw new UsageError(
      'give either --ca FILE with the certificates to trust, or --insecure to accept any server',
    )
  }
  const socket = open(address, flags, output)
  socket.on('error', () => {})
  const report = await handshakeOf(socket, address, output)
  const isData = flags.http !== undefined || isPiped()
  printReport(output, { report, socket, isData })
  const broken = (error: unknown) =>
    new CommandFailed(`connection to ${addressText(address)} broke: ${sayError(error)}`)
  // What came with the last message of the handshake may have ended it, and its events are over by now.
  if (socket.errored) throw broken(socket.errored)
  if (flags.sessionOut !== undefined) keepSession(socket, flags.sessionOut, output)
  try {
    if (flags.http !== undefined)
      await getPage(socket, { path: flags.http, host: hostHeader(address, flags) }, output)
    else if (isData) await pipeBoth(socket, output)
    else await close(socket)
  } catch (error) {
    throw broken(error)
  }
}

function open({ host, port }: Address, flags: ClientFlags, output: Output): TLSSocket {
  const { servername, insecure = false } = flags
  const context = {
    ...tlsOptions(flags),
    ...readCertificates(flags.cert ?? [], flags.key ?? []),
    ...(flags.ca === undefined ? {} : { ca: readAnchors(flags.ca, '--ca') }),
  }
  const session = flags.sessionIn === undefined ? undefined : readSessionFile(flags.sessionIn)
  if (session) {
    const { cipherSuites, now } = createSecureContext(context)
    const peerName = (servername ?? host).toLowerCase()
    const terms = { peerName, verifiedSessionsOnly: !insecure, cipherSuites, nowMs: now() }
    const reason = whyNotOffered({ client: session.client, terms })
    if (reason) output.note(`${flags.sessionIn}: not offered: ${reason}; going on with a full handshake`)
  }
  const keylog = flags.keylog === undefined ? undefined : appendSecretFile(flags.keylog, '--keylog')
  // Who looks at session IDs is given no ticket in their place.
  const tickets = flags.tickets ?? session?.client.ticket !== undefined
  const socket = connect({
    ...{ ...context, tickets, host, port, rejectUnauthorized: !insecure, keylog: keylog !== undefined },
    ...(servername === undefined ? {} : { servername }),
    ...(session ? { session: session.bytes } : {}),
  })
  socket.on('keylog', (line: Buffer) => keylog?.write(line))
  return socket
}

/** Waits for the handshake's end; throws CommandFailed with the alert or the system's word for what was wrong. */
async function handshakeOf(socket: TLSSocket, address: Address, output: Output): Promise<HandshakeReport> {
  try {
    await new Promise<void>((resolve, reject) => {
      socket.once('secureConnect', resolve)
      socket.once('error', reject)
    })
  } catch (error) {
    output.print({ json: handshakeFailedEvent(error as Error) })
    const unreachable = unreachableReasons[errnoOf(error)]
    if (unreachable) throw new CommandFailed(`${addressText(address)}: ${unreachable}`)
    throw new CommandFailed(`handshake with ${addressText(address)} failed: ${sayError(error)}`)
  }
  return socket.handshake!
}

const unreachableReasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'nobody listens there (ECONNREFUSED); start the server, or check host and port',
  ENOTFOUND: 'there is no such host (ENOTFOUND); check the name',
  EAI_AGAIN: 'the host name cannot be looked up (EAI_AGAIN); try again, or give an IP address',
  EHOSTUNREACH: 'the host cannot be reached (EHOSTUNREACH); check the network',
  ENETUNREACH: 'the network cannot be reached (ENETUNREACH); check the address',
  ETIMEDOUT: 'no answer (ETIMEDOUT); check host and port',
}

function sayError(failure: unknown): string {
  const error = inOurWords(failure)
  const message = error instanceof Error ? error.message : String(error)
  const code = errnoOf(error)
  const told =
    error instanceof TlsError && error.code !== 'TRUNCATED'
      ? `; the server was sent the alert ${error.alert}`
      : ''
  return `${code && !message.includes(code) ? `${code}: ` : ''}${message}${told}`
}

function printReport(
  output: Output,
  { report, socket, isData }: { report: HandshakeReport; socket: TLSSocket; isData: boolean },
): void {
  const told = [
    ['protocol', report.protocol],
    ['cipher', report.cipher],
    ['resumed', yesOrNo(report.resumed)],
    [
      'verified',
      socket.authorizationFault ? `no (${socket.authorizationFault.message})` : yesOrNo(socket.authorized),
    ],
    [
      'handshake',
      `${report.messages.length} messages, ${report.bytesIn} bytes in, ${report.bytesOut} out, ${Math.round(report.ms)} ms`,
    ],
    ['group', report.group ?? 'none'],
    ['alpn', report.alpnProtocol ?? 'none'],
    ['client certificate', yesOrNo(report.clientAuthenticated)],
  ]
  const text = told.map(([name, value]) => `${name}: ${value}`).join('\n')
  // stdout is the server's where its data goes there.
  if (isData && !output.isJson) process.stderr.write(`${text}\n`)
  else output.print({ json: handshakeEvent(report, { verified: socket.authorized }), text })
}

const yesOrNo = (condition: boolean) => (condition ? 'yes' : 'no')

function keepSession(socket: TLSSocket, path: string, output: Output): void {
  const session = socket.getSession()
  if (!session) return output.note(`${path}: not written: the server keeps no session`)
  writeSessionFile(path, session)
  output.note(
    `${path}: written with mode 0600; it holds a master secret, who reads it can read the session's traffic`,
  )
}

function hostHeader({ host, port }: Address, { servername }: ClientFlags): string {
  return addressText({ host: servername ?? host, port })
}

async function getPage(
  socket: TLSSocket,
  request: { path: string; host: string },
  output: Output,
): Promise<void> {
  const { status, body } = await fetchOverHttp(socket, request)
  if (output.isJson) output.print({ json: { event: 'response', ...{ status, body: body.toString('utf8') } } })
  else process.stdout.write(body)
}

/** A terminal is no input, and neither is /dev/null, which is what a service has: those only ask how the handshake went. */
function isPiped(): boolean {
  try {
    return !fstatSync(0).isCharacterDevice()
  } catch {
    return false
  }
}

function pipeBoth(socket: TLSSocket, output: Output): Promise<void> {
  return new Promise((resolve, reject) => {
    if (output.isJson) {
      socket.on('data', (chunk: Buffer) =>
        output.print({ json: { event: 'data', ...{ base64: chunk.toString('base64') } } }),
      )
    } else {
      // A reader that is slow slows the server down, and not our memory.
      socket.pipe(process.stdout, { end: false })
    }
    socket.once('error', reject)
    socket.once('close', resolve)
    process.stdin.pipe(socket)
  })
}

/** How long the server may take to close too. */
const closeTimeoutMs = 1000

function close(socket: TLSSocket): Promise<void> {
  return new Promise(resolve => {
    const timer = setTimeout(() => socket.destroy(), closeTimeoutMs)
    socket.once('close', () => {
      clearTimeout(timer)
      resolve()
    })
    socket.resume()
    socket.end()
  })
}
