/** HTTP over TLS, the same scene with our https and with Node's: what both do is what ours is held to. */
import { once } from 'node:events'
import type { Server as HttpServer, IncomingMessage } from 'node:http'
import nodeHttps from 'node:https'
import type { AddressInfo, Server as NetServer, Socket } from 'node:net'
import { type TLSSocket as NodeTLSSocket, connect as nodeConnect } from 'node:tls'
import { expect, onTestFinished, test } from 'vitest'
import * as ownHttps from '../../src/node/https.ts'
import { fixture } from '../support/pair.ts'

/** What a scene is played with: either library under the names, and the types, of node:https. */
export type Https = Pick<typeof nodeHttps, 'createServer' | 'Agent' | 'request' | 'get'>
type ServerOptions = nodeHttps.ServerOptions
type OnRequest = (request: IncomingMessage, response: import('node:http').ServerResponse) => void

export const own = ownHttps as unknown as Https
export const identity = { cert: fixture('server.pem'), key: fixture('server.key') }
export const ca = fixture('ca.pem')

/** Plays a scene with both libraries. What it gives, in words, must be the same, and must be something. */
export function likeNode(name: string, scene: (https: Https) => Promise<readonly unknown[]>): void {
  test(name, async () => {
    const seen = await scene(own)
    expect(seen.length).toBeGreaterThan(0)
    expect(seen).toEqual(await scene(nodeHttps))
  })
}

export interface RunningServer {
  readonly server: HttpServer
  readonly port: number
  /** The connections that have ended their handshake, in their order. */
  readonly secured: readonly NodeTLSSocket[]
}

/** An HTTPS server of a library, with the fixtures' certificate; it is gone when the test is. */
export async function startHttps(
  https: Https,
  onRequest: OnRequest = (_, response) => void response.end('hello'),
  options: ServerOptions = {},
): Promise<RunningServer> {
  const server = https.createServer({ ...identity, maxVersion: 'TLSv1.2', ...options }, onRequest)
  const secured: NodeTLSSocket[] = []
  server.on('secureConnection', socket => secured.push(socket))
  return { server, port: await listen(server), secured }
}

/** Listens on a port that the system chooses; ends its connections and itself with the test. */
export async function listen(server: NetServer): Promise<number> {
  const transports = new Set<Socket>()
  server.on('connection', (socket: Socket) => transports.add(socket))
  onTestFinished(() => {
    for (const socket of transports) socket.destroy()
    server.close()
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return (server.address() as AddressInfo).port
}

/** A client of Node's, for what no HTTP client would send. */
export async function openRaw(port: number, options: object = {}): Promise<NodeTLSSocket> {
  const socket = nodeConnect({ host: '127.0.0.1', port, ca, servername: 'localhost', ...options })
  onTestFinished(() => void socket.destroy())
  socket.on('error', () => {})
  await once(socket, 'secureConnect')
  return socket.setEncoding('latin1')
}

/** Sends text and gives all that comes back until the end, without dates. */
export async function talk(port: number, text: string, options?: object): Promise<string> {
  const socket = await openRaw(port, options)
  socket.write(text)
  return await readText(socket)
}

/** The text of a stream until it ends, without dates. */
export async function readText(stream: AsyncIterable<unknown>): Promise<string> {
  const chunks: string[] = []
  for await (const chunk of stream) chunks.push(String(chunk))
  return chunks.join('').replace(/^Date: .*\r\n/gm, '')
}

/** Reads a socket to its end, whatever that is: one that is destroyed with something unread resets its connection. */
export function closing(socket: Socket): Promise<void> {
  return new Promise(resolve => socket.resume().once('close', () => resolve()))
}

/** Waits until a socket's text has this in it. */
export function said(socket: NodeJS.ReadableStream, pattern: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    const look = (chunk: Buffer | string) => {
      text += String(chunk)
      if (!pattern.test(text)) return
      socket.removeListener('data', look)
      resolve(text.replace(/^Date: .*\r\n/gm, ''))
    }
    socket.on('data', look)
    socket.once('close', () => reject(new Error(`closed; it said ${JSON.stringify(text)}`)))
  })
}

/** A response that was read to its end. */
export interface Answer {
  readonly status: number | undefined
  readonly body: string
  readonly socket: NodeTLSSocket
  /** Whether its request went over a connection that an earlier one had opened. */
  readonly reusedSocket: boolean
}

/** A request of a library to a server on this machine, whose name is localhost. */
export async function fetchWith(
  https: Https,
  port: number,
  options: nodeHttps.RequestOptions & { body?: string } = {},
): Promise<Answer> {
  const { body, ...others } = options
  const request = https.request({ host: '127.0.0.1', port, servername: 'localhost', ca, ...others })
  request.end(body)
  const [response] = (await once(request, 'response')) as [IncomingMessage]
  const socket = response.socket as NodeTLSSocket
  const text = await readText(response)
  return { status: response.statusCode, body: text, socket, reusedSocket: request.reusedSocket }
}

/** Waits until something that grows has not grown for a while. */
export async function untilStill(value: () => number): Promise<number> {
  for (let [before, times] = [-1, 0]; times < 5; ) {
    await new Promise(resolve => setTimeout(resolve, 50))
    times = value() === before ? times + 1 : 0
    before = value()
  }
  return value()
}
