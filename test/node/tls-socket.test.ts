import { once } from 'node:events'
import { connect as connectTcp, type Socket } from 'node:net'
import { finished, pipeline } from 'node:stream/promises'
import { describe, expect, it, vi } from 'vitest'
import type { Lookup } from '../../src/handshake/effects.ts'
import { TLSSocket } from '../../src/node/index.ts'
import { Secret } from '../../src/secret.ts'
import { FakeCache } from '../support/fake-cache.ts'
import { fixture } from '../support/pair.ts'
import {
  codeOf,
  ending,
  endingWithoutListener,
  open,
  pattern,
  readAll,
  startServer,
  startTcpServer,
} from './support.ts'

const mega = 2 ** 20
/** What a stream holds at most: its high water mark and what one read of a transport gives. */
const bufferBound = 4 * 65_536

async function openTcp(port: number): Promise<Socket> {
  const transport = connectTcp({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true })
  await once(transport, 'connect')
  return transport
}

describe('backpressure', () => {
  it('a reader that pauses stops the transport, and loses nothing', async () => {
    const sent = pattern(5 * mega)
    const { port } = await startServer(socket => void socket.end(sent))
    const transport = await openTcp(port)
    const client = open(port, { socket: transport })
    await once(client, 'readable')
    await vi.waitFor(() => expect(transport.isPaused()).toBe(true))
    expect(client.readableLength).toBeLessThan(bufferBound)
    const { bytesRead } = transport
    expect(bytesRead).toBeLessThan(sent.length / 2)
    expect((await readAll(client)).equals(sent)).toBe(true)
  })

  it('a writer waits for the transport: no more than one chunk is encrypted ahead', async () => {
    const chunk = pattern(mega / 2)
    let most = 0
    const server = await startServer(async socket => {
      const transport = server.transports[0]!
      for (let i = 0; i < 12; i++)
        socket.write(chunk, () => (most = Math.max(most, transport.writableLength)))
      // None was taken but the first: a writer is told to wait.
      expect(socket.writableNeedDrain).toBe(true)
      expect(transport.writableLength).toBeLessThan(chunk.length * 1.1)
      socket.end()
    })
    const received = await readAll(open(server.port))
    expect(received.equals(Buffer.concat(Array.from({ length: 12 }, () => chunk)))).toBe(true)
    expect(most).toBeLessThan(chunk.length * 1.1)
  })

  it('5 MB there and back through pipe are the same', async () => {
    const sent = pattern(5 * mega)
    const { port } = await startServer(socket => void socket.pipe(socket))
    const client = open(port)
    client.end(sent)
    expect((await readAll(client)).equals(sent)).toBe(true)
  })

  it('a slow reader on both sides of pipe: the bytes are the same', async () => {
    const sent = pattern(mega)
    const { port } = await startServer(socket => {
      pipeline(socket, slowly, socket).catch(() => {})
    })
    const client = open(port)
    client.write(sent)
    const received: Buffer[] = []
    let length = 0
    for await (const chunk of slowly(client)) {
      received.push(chunk)
      length += chunk.length
      if (length === sent.length) client.end()
    }
    expect(Buffer.concat(received).equals(sent)).toBe(true)
  })
})

/** Passes chunks on, each after a turn of the event loop. */
async function* slowly(source: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of source) {
    await new Promise(resolve => setImmediate(resolve))
    yield chunk
  }
}

describe('before the handshake has ended', () => {
  it('writes are kept, and sent in order', async () => {
    const { port } = await startServer(socket => void socket.pipe(socket))
    const client = open(port)
    const order: string[] = []
    client.on('secureConnect', () => {
      order.push('secureConnect')
      client.end('c')
    })
    client.write('a', () => order.push('a'))
    client.write('b', () => order.push('b'))
    expect(String(await readAll(client))).toBe('abc')
    expect(order).toEqual(['secureConnect', 'a', 'b'])
  })

  it('end() waits for it, and then closes cleanly', async () => {
    const ends: Promise<string[]>[] = []
    const { port } = await startServer(socket => ends.push(ending(socket.resume())))
    const client = open(port)
    const end = ending(client.resume())
    client.end()
    expect(await end).toEqual(['end', 'close'])
    expect(await Promise.all(ends)).toEqual([['end', 'close']])
    expect(client.handshake?.resumed).toBe(false)
  })

  it('a write that will never be sent says so to its callback', async () => {
    const port = await startTcpServer(() => {})
    const client = open(port)
    const end = ending(client)
    const told: (string | undefined)[] = []
    const tell = (error?: Error | null) => void told.push(error?.message)
    client.write('a', tell)
    client.write('b', tell)
    client.end(tell)
    client.destroy(new Error('enough'))
    expect(await end).toEqual(['error enough', 'close'])
    expect(told).toEqual(['enough', 'enough', 'enough'])
  })

  it('destroy() without an error: the callback has one all the same', async () => {
    const port = await startTcpServer(() => {})
    const client = open(port)
    const told = new Promise<Error | null | undefined>(resolve => client.write('a', resolve))
    const end = ending(client)
    client.destroy()
    expect(codeOf((await told)!)).toBe('ERR_STREAM_DESTROYED')
    expect(await end).toEqual(['close'])
  })

  it('a server that resets the connection: ECONNRESET', async () => {
    const port = await startTcpServer(socket => socket.once('data', () => socket.resetAndDestroy()))
    expect(await ending(open(port))).toEqual([expect.stringMatching(/ECONNRESET/), 'close'])
  })

  it('a server that ends the connection: ECONNRESET', async () => {
    const port = await startTcpServer(socket => socket.once('data', () => socket.end()))
    expect(await ending(open(port))).toEqual(['error ECONNRESET', 'close'])
  })

  it('a server that says nothing: the handshake times out', async () => {
    const port = await startTcpServer(socket => socket.resume())
    const end = ending(open(port, { handshakeTimeout: 30 }))
    expect(await end).toEqual(['error ERR_TLS_HANDSHAKE_TIMEOUT', 'close'])
  })

  it('a transport that is destroyed while our flight is being written: ECONNRESET', async () => {
    const { port } = await startServer()
    const transport = connectTcp({ host: '127.0.0.1', port })
    const client = open(port, { socket: transport })
    client.once('connect', () => process.nextTick(() => transport.destroy()))
    expect(await ending(client)).toEqual(['error ECONNRESET', 'close'])
  })

  it('a transport that is destroyed before it is connected is an error and no crash', async () => {
    const { port } = await startServer()
    const transport = connectTcp({ host: '127.0.0.1', port })
    const client = open(port, { socket: transport })
    transport.destroy()
    expect(await ending(client)).toEqual(['error ECONNRESET', 'close'])
  })

  it('nobody listening at the port: ECONNREFUSED', async () => {
    const { server, port } = await startServer()
    await new Promise(resolve => server.close(resolve))
    expect(await endingWithoutListener(port)).toEqual(['error ECONNREFUSED', 'close'])
  })
})

describe('while a session is looked up', () => {
  it('destroy() ends at once, and wipes the session that comes too late', async () => {
    const { socket, transport, answer } = await startLookup()
    const end = ending(socket)
    socket.destroy()
    expect(await end).toEqual(['close'])
    await vi.waitFor(() => expect(transport.destroyed).toBe(true))
    await expectWiped(answer())
  })

  it('so does a transport that is gone', async () => {
    const { socket, transport, answer } = await startLookup()
    const end = ending(socket)
    transport.destroy()
    expect(await end).toEqual(['error ECONNRESET', 'close'])
    await expectWiped(answer())
  })

  it('a client that goes away meanwhile: an error and no crash', async () => {
    const { socket, client, answer } = await startLookup()
    const end = ending(socket)
    client.destroy()
    answer()
    expect(await end).toEqual([expect.stringMatching(/^error (ECONNRESET|EPIPE)$/), 'close'])
  })
})

const expectWiped = (secret: Uint8Array) =>
  vi.waitFor(() => expect(secret).toEqual(new Uint8Array(48)), { interval: 1 })

/** A server's socket that awaits the session its client offers; `answer` gives one, and returns the master secret in it. */
async function startLookup() {
  const cache = new FakeCache()
  const sockets: TLSSocket[] = []
  const port = await startTcpServer(transport => {
    const socket = acceptWith(cache, transport)
    sockets.push(socket)
    socket.end()
  })
  const first = open(port)
  await finished(first.resume())
  let resolve: (lookup: Lookup) => void = () => {}
  const isAsked = new Promise<void>(asked => {
    cache.answer = () => {
      asked()
      return new Promise(resolved => {
        resolve = resolved
      })
    }
  })
  const client = open(port, { session: first.getSession()! })
  client.on('error', () => {})
  await isAsked
  const answer = () => {
    const { session, masterSecret } = cache.saved[0]!
    const bytes = new Uint8Array(Buffer.from(masterSecret, 'hex'))
    resolve({ session: { ...session, masterSecret: new Secret(bytes) } })
    return bytes
  }
  return { socket: sockets[1]!, transport: transportOf.get(sockets[1]!)!, client, answer }
}

const transportOf = new WeakMap<TLSSocket, Socket>()

/** What createServer does with a transport, with a look-up that has all the time it wants. */
function acceptWith(cache: FakeCache, transport: Socket): TLSSocket {
  const socket = new TLSSocket(transport, {
    isServer: true,
    cert: fixture('server.pem'),
    key: fixture('server.key'),
    sessionCache: cache,
    lookupTimeout: 60_000,
    handshakeTimeout: 60_000,
  })
  transportOf.set(socket, transport)
  return socket
}

describe('the end of a connection', () => {
  it('data, close_notify and FIN in one segment: nothing is lost', async () => {
    const sent = pattern(100_000)
    const { port } = await startServer(socket => void socket.end(sent))
    const relay = await startSegmentRelay(port)
    const client = open(relay)
    expect((await readAll(client)).equals(sent)).toBe(true)
  })

  it('who closed first reads what was sent before, however late he does', async () => {
    const sent = pattern(30_000)
    const { port } = await startServer(socket => {
      socket.resume()
      socket.end(sent)
    })
    const transport = await openTcp(port)
    const client = open(port, { socket: transport })
    client.pause()
    client.end('a request')
    await once(transport, 'close')
    expect(client.destroyed).toBe(false)
    expect((await readAll(client)).equals(sent)).toBe(true)
  })

  it('a peer that closes is answered, even if nobody reads', async () => {
    const ends: Promise<string[]>[] = []
    const { port } = await startServer(socket => ends.push(ending(socket)))
    const client = open(port)
    client.end()
    await finished(client.resume())
    expect(await Promise.all(ends)).toEqual([['end', 'close']])
  })

  it('a write to a transport that was closed under us fails', async () => {
    const { port } = await startServer(socket => void socket.resume())
    const transport = await openTcp(port)
    const client = open(port, { socket: transport })
    const end = ending(client)
    await once(client, 'secureConnect')
    transport.end()
    const told = await new Promise<Error | null | undefined>(resolve => client.write('lost', resolve))
    expect(codeOf(told!)).toBe('ERR_STREAM_DESTROYED')
    expect(await end).toEqual(['error ERR_STREAM_DESTROYED', 'close'])
  })

  it('a writer that waits for a transport is told when that is gone', async () => {
    const { port, transports } = await startServer(socket => void socket.pause())
    const client = open(port)
    const end = ending(client)
    await once(client, 'secureConnect')
    const told = new Promise<Error | null | undefined>(resolve => client.write(pattern(16 * mega), resolve))
    transports[0]!.resetAndDestroy()
    expect(codeOf((await told)!)).toMatch(/^(ECONNRESET|EPIPE)$/)
    expect(await end).toEqual([expect.stringMatching(/^error (ECONNRESET|EPIPE)$/), 'close'])
  })

  it('without close_notify it is an error, and an iterator throws', async () => {
    const { port, transports } = await startServer(socket => {
      socket.write('half of it', () => transports[0]!.end())
    })
    await expect(readAll(open(port))).rejects.toMatchObject({
      ...{ code: 'ERR_SSL_UNEXPECTED_EOF_WHILE_READING', cause: { code: 'TRUNCATED' } },
    })
  })
})

/** Forwards a handshake as it comes; what the server says afterwards goes out in one write, with its FIN. */
function startSegmentRelay(target: number): Promise<number> {
  return startTcpServer(client => {
    const server = connectTcp({ host: '127.0.0.1', port: target, allowHalfOpen: true, noDelay: true })
    client.pipe(server)
    client.on('close', () => server.destroy())
    server.on('error', () => client.destroy())
    const held: Buffer[] = []
    server.on('data', (bytes: Buffer) => {
      // Finished and data may come together: they are parted between two records.
      const start = held.length > 0 ? 0 : startOfData(bytes)
      if (start > 0) client.write(bytes.subarray(0, start))
      if (start < bytes.length) held.push(bytes.subarray(start))
    })
    server.on('end', () => client.end(Buffer.concat(held)))
  })
}

/** Where the first record of application data starts, in bytes that start with a record. */
function startOfData(bytes: Buffer): number {
  let offset = 0
  while (offset + 5 <= bytes.length && bytes[offset] !== 23) offset += 5 + bytes.readUInt16BE(offset + 3)
  return Math.min(offset, bytes.length)
}

describe('reading', () => {
  it('pause() stops it, resume() goes on', async () => {
    const { port } = await startServer(socket => void socket.pipe(socket))
    const client = open(port)
    const seen: string[] = []
    client.on('data', (chunk: Buffer) => seen.push(String(chunk)))
    client.write('one')
    await once(client, 'data')
    client.pause()
    client.write('two')
    await vi.waitFor(() => expect(client.readableLength).toBe(3), { interval: 1 })
    expect(seen).toEqual(['one'])
    client.resume()
    await once(client, 'data')
    expect(seen).toEqual(['one', 'two'])
  })

  it('an iterator that is left early destroys the socket', async () => {
    const { port } = await startServer(socket => void socket.write('first'))
    const client = open(port)
    for await (const chunk of client) {
      expect(String(chunk)).toBe('first')
      break
    }
    expect(client.destroyed).toBe(true)
  })
})
