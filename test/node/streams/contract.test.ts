/** What a stream promises, whoever uses it: the same script on node:tls and on ours, in memory, and the same answers. */
import { once } from 'node:events'
import { Duplex, finished, PassThrough, Readable } from 'node:stream'
import { pipeline, finished as whenFinished } from 'node:stream/promises'
import type { ReadableStream, WritableStream } from 'node:stream/web'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { pattern, readAll } from '../support.ts'
import { MemoryEnd } from './memory-end.ts'
import {
  closed,
  type Ends,
  nodeStack,
  overTransports,
  ownStack,
  type Stack,
  stacks,
  tcpPair,
} from './stacks.ts'

const mega = 2 ** 20
const kilo = 2 ** 10

/** Both ends in memory, after their handshake. */
async function connected(stack: Stack): Promise<Ends & { transports: Ends<MemoryEnd> }> {
  const transports = MemoryEnd.pair({ highWaterMark: 16 * kilo })
  const { client, server } = overTransports(stack, transports)
  onTestFinished(() => {
    client.destroy()
    server.destroy()
  })
  await Promise.all([once(client, 'secure'), once(server, 'secure')])
  return { client, server, transports }
}

/** Whatever can happen without more being written or read has happened. */
async function quiet(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await new Promise(resolve => setImmediate(resolve))
}

const until = (holds: () => void) => vi.waitFor(holds, { timeout: 15_000, interval: 5 })

const sides = ['client', 'server'] as const
const otherSide = { client: 'server', server: 'client' } as const

describe.each(stacks)('$name: backpressure', stack => {
  test.each(sides)('who does not read bounds what the %s can write, and the memory of both', async side => {
    const { transports, ...ends } = await connected(stack)
    const [writer, reader] = [ends[side], ends[otherSide[side]]]
    const chunk = pattern(8 * kilo)
    let accepted = 0
    const pump = () => {
      let hasRoom = true
      while (hasRoom && accepted < 16 * mega) {
        hasRoom = writer.write(chunk)
        accepted += chunk.length
      }
    }
    writer.on('drain', pump)
    pump()
    await quiet()
    expect(writer.writableNeedDrain).toBe(true)
    // The high water marks of two sockets and two transports, and a record or a chunk that was under way at each.
    expect(accepted).toBeLessThan(mega / 2)
    for (const { readableLength, writableLength } of [writer, reader, transports.client, transports.server]) {
      expect(readableLength).toBeLessThan(160 * kilo)
      expect(writableLength).toBeLessThan(160 * kilo)
    }

    writer.off('drain', pump)
    const drained = once(writer, 'drain')
    const received = readAll(reader)
    await drained
    writer.end()
    expect((await received).length).toBe(accepted)
  })

  test('all that was written comes, to a reader that dawdles', async () => {
    const { client, server } = await connected(stack)
    const sent = pattern(2 * mega)
    client.end(sent)
    const received: Buffer[] = []
    for await (const chunk of server) {
      received.push(chunk as Buffer)
      await new Promise(resolve => setImmediate(resolve))
    }
    expect(Buffer.concat(received).equals(sent)).toBe(true)
  })
})

/** Each gives what it saw; node:tls over the same transports says what that should be. */
const scripts: Readonly<Record<string, (ends: Ends) => Promise<unknown>>> = {
  'write() and its callbacks, in their order': async ({ client, server }) => {
    const seen: string[] = []
    server.resume()
    for (const word of ['one', 'two', 'three'])
      client.write(word, error => seen.push(`${word} ${error ?? 'done'}`))
    await new Promise<void>(resolve => client.end('four', () => resolve(void seen.push('end'))))
    await closed({ client, server })
    return seen
  },
  'writableLength, bufferSize and writableNeedDrain': async ({ client, server }) => {
    client.cork()
    const isTaken = [client.write('12345'), client.write(Buffer.alloc(mega))]
    const seen = [
      isTaken,
      client.writableLength,
      client.bufferSize,
      client.writableNeedDrain,
      client.writableCorked,
    ]
    client.uncork()
    server.resume()
    await once(client, 'drain')
    return [...seen, client.writableLength, client.bufferSize, client.writableNeedDrain]
  },
  'cork and uncork: nothing leaves, then all does': async ({ client, server }) => {
    const received = texts(server)
    client.cork()
    client.write('a')
    client.write('b')
    client.cork()
    client.write('c')
    await quiet()
    const before = received()
    client.uncork()
    await quiet()
    const between = received()
    client.uncork()
    await until(() => expect(received()).toBe('abc'))
    return [before, between, received()]
  },
  'pause and resume': async ({ client, server }) => {
    const received = texts(server)
    client.write('first')
    await until(() => expect(received()).toBe('first'))
    server.pause()
    client.write('second')
    await quiet()
    const paused = [received(), server.isPaused(), server.readableFlowing]
    server.resume()
    await until(() => expect(received()).toBe('firstsecond'))
    return [paused, received(), server.isPaused(), server.readableFlowing]
  },
  'setEncoding, of characters that are cut in two': async ({ client, server }) => {
    server.setEncoding('utf8')
    const chunks: unknown[] = []
    server.on('data', chunk => chunks.push(chunk))
    const bytes = Buffer.from('größer ☃')
    for (const byte of bytes) client.write(Uint8Array.of(byte))
    client.end()
    await once(server, 'end')
    return [chunks.every(chunk => typeof chunk === 'string'), chunks.join(''), server.readableEncoding]
  },
  'strings in every encoding': async ({ client, server }) => {
    client.write('676f', 'hex')
    client.write('b25l', 'base64')
    client.write('\xe9', 'latin1')
    client.end('é', 'utf8')
    return (await readAll(server)).toString('hex')
  },
  'write() of what is no data': async ({ client }) => {
    const codes: unknown[] = []
    for (const wrong of [null, 5, {}, undefined])
      try {
        client.write(wrong as unknown as string)
      } catch (error) {
        codes.push((error as NodeJS.ErrnoException).code)
      }
    return codes
  },
  'read() and unshift()': async ({ client, server }) => {
    client.write('0123456789')
    await once(server, 'readable')
    const first = server.read(4)
    server.unshift('xyz')
    client.end()
    return [String(first), (await readAll(server)).toString()]
  },
  'pipe there and back': async ({ client, server }) => {
    server.pipe(server)
    const sent = pattern(300 * kilo)
    client.end(sent)
    return (await readAll(client)).equals(sent)
  },
  'pipeline ends it': async ({ client, server }) => {
    const sent = pattern(100 * kilo)
    const [received] = await Promise.all([
      readAll(server),
      pipeline(Readable.from([sent]), client, new PassThrough().resume(), { end: true }),
    ])
    await closed({ client, server })
    return received.equals(sent)
  },
  'pipeline with a source that fails destroys it': async ({ client, server }) => {
    server.on('error', () => {})
    const source = new Readable({ read: () => {} })
    const failed = pipeline(source, client).catch((error: Error) => error.message)
    source.destroy(new Error('the source failed'))
    const message = await failed
    await closed({ client, server })
    return [message, client.destroyed]
  },
  'async iteration, left early, destroys it': async ({ client, server }) => {
    client.on('error', () => {})
    client.write('something')
    for await (const chunk of server) {
      expect(String(chunk)).toBe('something')
      break
    }
    return [server.destroyed, server.readableAborted]
  },
  'stream.finished after a good end': async ({ client, server }) => {
    const ends = Promise.all([whenFinished(client), whenFinished(server)])
    client.resume()
    server.resume()
    client.end()
    return ends.then(() => 'good')
  },
  'stream.finished after destroy()': async ({ client, server }) => {
    server.on('error', () => {})
    const codes: unknown[] = []
    finished(client, error => codes.push(error?.code))
    client.destroy()
    await closed({ client, server })
    return codes
  },
  'Readable.toWeb': async ({ client, server }) => {
    const sent = pattern(100 * kilo)
    client.end(sent)
    const chunks: Uint8Array[] = []
    for await (const chunk of Readable.toWeb(server) as ReadableStream<Uint8Array>) chunks.push(chunk)
    return Buffer.concat(chunks).equals(sent)
  },
  'Duplex.toWeb, both ways': async ({ client, server }) => {
    server.pipe(server)
    const { readable, writable } = Duplex.toWeb(client) as {
      readable: ReadableStream<Uint8Array>
      writable: WritableStream<Uint8Array>
    }
    const writer = writable.getWriter()
    const sent = pattern(50 * kilo)
    const writing = writer.write(sent).then(() => writer.close())
    const chunks: Uint8Array[] = []
    for await (const chunk of readable) chunks.push(chunk)
    await writing
    return Buffer.concat(chunks).equals(sent)
  },
  'the state after a good end': async ({ client, server }) => {
    client.resume()
    server.resume()
    client.end('bye')
    await closed({ client, server })
    return [client, server].map(stateOf)
  },
  'the state after destroy()': async ({ client, server }) => {
    server.on('error', () => {})
    client.destroy()
    await closed({ client, server })
    return stateOf(client)
  },
}

describe.each(Object.entries(scripts))('%s', (_, script) => {
  test.each([
    ['in memory', connected],
    ['over TCP', overTcp],
  ] as const)('%s, as node:tls over TCP', async (_, connect) => {
    const expected = await script(await overTcp(nodeStack))
    expect(await script(await connect(ownStack))).toEqual(expected)
  })
})

async function overTcp(stack: Stack): Promise<Ends> {
  const { client, server } = overTransports(stack, await tcpPair())
  await Promise.all([once(client, 'secure'), once(server, 'secure')])
  return { client, server }
}

/** Reads from now on; what has come so far. */
function texts(readable: Readable): () => string {
  let text = ''
  readable.on('data', chunk => {
    text += chunk
  })
  return () => text
}

function stateOf(socket: Duplex) {
  const { destroyed, closed, errored, readable, readableEnded, readableAborted, readableDidRead } = socket
  const { writable, writableEnded, writableFinished, writableAborted, writableLength } = socket
  return {
    ...{ destroyed, closed, errored, readable, readableEnded, readableAborted, readableDidRead },
    ...{ writable, writableEnded, writableFinished, writableAborted, writableLength },
  }
}
