/** STARTTLS and its like: a transport that others have spoken over becomes a TLS connection, in whatever state they leave it. */
import { once } from 'node:events'
import { createServer as createHttpServer, request } from 'node:http'
import { type AddressInfo, connect as connectTcp, type Socket } from 'node:net'
import { type Duplex, PassThrough } from 'node:stream'
import { describe, expect, onTestFinished, test } from 'vitest'
import { open, readAll, startServer } from '../support.ts'
import { closed, type Ends, logOf, memoryPair, nodeStack, ownStack, tcpPair, tlsPair } from './stacks.ts'

const line = 'STARTTLS\r\n'
const answer = '220 go ahead\r\n'

type MakePair = (allowHalfOpen?: boolean) => Ends<Duplex> | Promise<Ends<Duplex>>
const pairs: readonly (readonly [string, MakePair])[] = [
  ['TCP', tcpPair],
  ['a pair of Duplexes', memoryPair],
  ['TLS', tlsPair],
]

/** Reads a line from a transport that its owner hands over then, in a state of its own; resolves when it has come. */
type Reader = (transport: Duplex, line: string) => Promise<unknown>

/** What the last owner still heard after he had handed over. */
let overheard = ''

const readers: Readonly<Record<string, Reader>> = {
  'flowing, to a listener that stays': (transport, line) => untilRead(transport, line),
  paused: async (transport, line) => {
    await untilRead(transport, line)
    transport.pause()
  },
  'with an encoding': (transport, line) => {
    transport.setEncoding('utf8')
    return untilRead(transport, line)
  },
  'read by read(), with a listener to readable that stays': async (transport, line) => {
    let text = ''
    await new Promise<void>(resolve =>
      transport.on('readable', () => {
        if (text === line) return
        text += transport.read() ?? ''
        if (text === line) resolve()
      }),
    )
  },
  'piped to somebody else': async (transport, line) => {
    const sink = new PassThrough()
    const read = untilRead(sink, line)
    transport.pipe(sink)
    await read
    // Nor is the end of TLS the end of what was piped before.
    sink.once('end', () => (overheard += 'end'))
  },
  'read too far, and what was too much put back': async (transport, line) => {
    await once(transport, 'readable')
    const bytes = transport.read() as Buffer
    expect(bytes.toString('latin1')).toBe(line)
    transport.unshift(bytes)
    expect(transport.read(line.length).toString('latin1')).toBe(line)
  },
}

function untilRead(transport: Duplex, line: string): Promise<void> {
  let text = ''
  overheard = ''
  return new Promise(resolve =>
    transport.on('data', chunk => {
      if (text === line) overheard += chunk
      else text += chunk
      if (text === line) resolve()
    }),
  )
}

interface Dialogue {
  readonly transports: Ends<Duplex>
  readonly readers?: Partial<Ends<Reader>>
  /** How the server says its answer. */
  readonly say?: (transport: Duplex, answer: string) => void
  readonly stack?: typeof ownStack
}

/** A line from the client, an answer from the server, then TLS; who has read what he waits for takes over at once. */
async function upgrade({ transports, readers = {}, say, stack = ownStack }: Dialogue): Promise<Ends> {
  const read = { client: untilRead, server: untilRead, ...readers }
  const server = read.server(transports.server, line).then(() => {
    if (say) say(transports.server, answer)
    else transports.server.write(answer)
    return stack.server(transports.server)
  })
  const client = read.client(transports.client, answer).then(() => stack.client(transports.client))
  transports.client.write(line)
  return { client: await client, server: await server }
}

/** Data both ways, and an end as it should be. */
async function converse({ client, server }: Ends): Promise<void> {
  const logs = [logOf(client), logOf(server)]
  client.end('ping')
  server.end('pong')
  const texts = [textOf(server), textOf(client)]
  await closed({ client, server })
  expect(texts.map(text => text())).toEqual(['ping', 'pong'])
  for (const log of logs) expect(log).toEqual(expect.arrayContaining(['end', 'finish', 'close']))
}

/** Reads to the end, and destroys nothing then, as an async iterator would; what has come. */
function textOf(socket: Socket): () => string {
  let text = ''
  socket.on('data', chunk => {
    text += chunk
  })
  return () => text
}

describe.each(pairs)('over %s', (_, makePair) => {
  describe.each(Object.entries(readers))('%s', (_, reader) => {
    test.each(['client', 'server'] as const)('at the %s', async side => {
      await converse(await upgrade({ transports: await makePair(), readers: { [side]: reader } }))
      expect(overheard).toBe('')
    })
  })

  test('corked, with a word still to be said', async () => {
    const say = (transport: Duplex, answer: string) => {
      transport.cork()
      transport.cork()
      transport.write(answer)
    }
    await converse(await upgrade({ transports: await makePair(), say }))
  })

  test('with the hello in it already, behind the line', async () => {
    const transports = await makePair()
    transports.client.write(line)
    const client = ownStack.client(transports.client)
    let bytes = Buffer.alloc(0)
    // A TLS record is longer than the line, and is not cut off here.
    while (bytes.length <= line.length) {
      await once(transports.server, 'readable')
      bytes = Buffer.concat([bytes, transports.server.read() ?? Buffer.alloc(0)])
    }
    expect(bytes.subarray(0, line.length).toString()).toBe(line)
    transports.server.unshift(bytes.subarray(line.length))
    await converse({ client, server: ownStack.server(transports.server) })
  })
})

describe.each(pairs)('half-open above a transport that is not, over %s', (_, makePair) => {
  test.each(['client', 'server'] as const)('the %s ends, and the other one writes on', async side => {
    const transports = await makePair(false)
    const options = { allowHalfOpen: true }
    const ends = {
      client: ownStack.client(transports.client, options),
      server: ownStack.server(transports.server, options),
    }
    const [first, last] = side === 'client' ? [ends.client, ends.server] : [ends.server, ends.client]
    const text = textOf(first)
    last.resume()
    first.end()
    await once(last, 'end')
    // The end of the transport, too, has come by now.
    for (let turn = 0; turn < 20; turn++) await new Promise(resolve => setImmediate(resolve))
    last.end('last word')
    await closed(ends)
    expect(text()).toBe('last word')
  })
})

// The oracle of the script itself.
test('node:tls does it too, over TCP', async () => {
  await converse(await upgrade({ transports: await tcpPair(), stack: nodeStack }))
})

describe.each(pairs)('a transport of no use, over %s', (_, makePair) => {
  test.each(['client', 'server'] as const)('it was destroyed before the %s had it', async side => {
    const transports = await makePair()
    transports[side].on('error', () => {})
    transports[side].destroy()
    await failsOnce(ownStack[side](transports[side]))
  })

  test.each(['client', 'server'] as const)('its last owner had ended it before the %s had it', async side => {
    const transports = await makePair(true)
    transports[side].end()
    await failsOnce(ownStack[side](transports[side]))
  })

  test.each(['client', 'server'] as const)('the peer had ended it before the %s had it', async side => {
    const transports = await makePair(true)
    const other = side === 'client' ? transports.server : transports.client
    other.end('')
    other.resume()
    const ended = once(transports[side], 'end')
    transports[side].resume()
    await ended
    await failsOnce(ownStack[side](transports[side]))
  })

  test.each(['client', 'server'] as const)(
    'it fails under the %s, before and after the handshake',
    async side => {
      const other = side === 'client' ? 'server' : 'client'
      for (const isOpen of [false, true]) {
        const transports = await makePair()
        const ends = {
          client: ownStack.client(transports.client),
          server: ownStack.server(transports.server),
        }
        const logs = { client: logOf(ends.client), server: logOf(ends.server) }
        if (isOpen) await Promise.all([once(ends.client, 'secure'), once(ends.server, 'secure')])
        ends[other].resume()
        transports[side].destroy(new Error('the cable was cut'))
        await closed(ends)
        const secure = isOpen ? ['secure'] : []
        expect(logs[side]).toEqual([...secure, 'error the cable was cut', 'close, had error'])
        expect(logs[other]).toEqual([...secure, expect.stringMatching(/^error /), 'close, had error'])
      }
    },
  )
})

/** One error, one close, and a write that is told of it. */
async function failsOnce(socket: Socket): Promise<void> {
  const log = logOf(socket)
  const written = new Promise<unknown>(resolve => void socket.write('lost', resolve))
  await closed({ client: socket, server: socket })
  expect(log).toEqual([expect.stringMatching(/^error [A-Z_]+$/), 'close, had error'])
  expect(await written).toBeInstanceOf(Error)
}

test('through the CONNECT tunnel of an HTTP proxy', async () => {
  const { port } = await startServer(socket => void socket.pipe(socket))
  const proxy = createHttpServer().on('connect', ({ url }, socket, head) => {
    const [host, toPort] = url!.split(':')
    const upstream = connectTcp({ host: host!, port: Number(toPort) }, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n')
      upstream.write(head)
      socket.pipe(upstream).pipe(socket)
    })
    upstream.on('error', () => socket.destroy())
    socket.on('error', () => upstream.destroy())
    onTestFinished(() => {
      upstream.destroy()
      socket.destroy()
    })
  })
  onTestFinished(() => void proxy.close())
  await once(proxy.listen(0, '127.0.0.1'), 'listening')
  const via = { host: '127.0.0.1', port: (proxy.address() as AddressInfo).port }
  const asked = request({ ...via, method: 'CONNECT', path: `127.0.0.1:${port}` }).end()
  const [response, tunnel, head] = (await once(asked, 'connect')) as [{ statusCode: number }, Socket, Buffer]
  expect([response.statusCode, head.length]).toEqual([200, 0])
  const client = open(port, { socket: tunnel })
  client.end('there and back')
  expect((await readAll(client)).toString()).toBe('there and back')
  expect(client.authorized).toBe(true)
})
