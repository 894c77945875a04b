/** WebSockets with the `ws` library over our TLS: an upgrade, and then a protocol in frames of its own both ways. */
import { once } from 'node:events'
import nodeHttps from 'node:https'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type RawData, WebSocket, WebSocketServer } from 'ws'
import { fixture } from '../support/pair.ts'
import { ca, type Https, own, startHttps } from './http-support.ts'

const pairs: readonly (readonly [string, Https, Https])[] = [
  ["node's client, our server", nodeHttps, own],
  ["our client, node's server", own, nodeHttps],
  ['both ours', own, own],
]

/** A server that sends back whatever comes. */
async function startEcho(https: Https) {
  const running = await startHttps(https)
  const sockets = new WebSocketServer({ server: running.server })
  sockets.on('connection', socket => {
    socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  onTestFinished(() => sockets.close())
  return { ...running, sockets }
}

function open(https: Https, port: number, options: object = {}): WebSocket {
  const socket = new WebSocket(`wss://localhost:${port}/`, { agent: new https.Agent({ ca, ...options }) })
  onTestFinished(() => socket.terminate())
  return socket
}

async function nextMessage(socket: WebSocket): Promise<Buffer> {
  const [data] = (await once(socket, 'message')) as [RawData]
  return data as Buffer
}

describe.each(pairs)('%s', (_, client, server) => {
  test('messages of all sizes come back, in their order', async () => {
    const { port } = await startEcho(server)
    const socket = open(client, port)
    await once(socket, 'open')
    for (const size of [0, 1, 125, 126, 16_384, 65_536, 1_000_000]) {
      const message = Buffer.alloc(size, 'message ')
      socket.send(message)
      expect((await nextMessage(socket)).equals(message)).toBe(true)
    }
    const received: string[] = []
    socket.on('message', data => received.push(String(data)))
    const texts = Array.from({ length: 200 }, (_, i) => `text ${i}`)
    for (const text of texts) socket.send(text)
    await expect.poll(() => received.length).toBe(texts.length)
    expect(received).toEqual(texts)
  })

  test('each side sees the other close', async () => {
    const { port, sockets } = await startEcho(server)
    const socket = open(client, port)
    const [[accepted]] = (await Promise.all([once(sockets, 'connection'), once(socket, 'open')])) as [
      [WebSocket],
      unknown,
    ]
    const seen = once(accepted, 'close')
    socket.close(1000, 'done')
    const [[byServer, why], [byClient]] = await Promise.all([seen, once(socket, 'close')])
    expect([byServer, String(why), byClient]).toEqual([1000, 'done', 1000])
  })

  test('a side that breaks off is seen by the other', async () => {
    const { port, sockets } = await startEcho(server)
    const socket = open(client, port)
    const [[accepted]] = (await Promise.all([once(sockets, 'connection'), once(socket, 'open')])) as [
      [WebSocket],
      unknown,
    ]
    accepted.on('error', () => {})
    const closed = once(accepted, 'close')
    socket.terminate()
    expect((await closed)[0]).toBe(1006)
  })

  test('a server that the client does not trust gets no message', async () => {
    const { port, sockets } = await startEcho(server)
    let upgrades = 0
    sockets.on('connection', () => upgrades++)
    const socket = open(client, port, { ca: fixture('ec-ca.pem') })
    const [error] = await once(socket, 'error')
    expect(error).toBeInstanceOf(Error)
    expect(upgrades).toBe(0)
  })
})
