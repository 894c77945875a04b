import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { until } from '../cluster/support.ts'
import { FaultProxy } from './fault-proxy.ts'

const closers: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close()
})

/** A server that says everything back, and what it heard. */
async function echoing(): Promise<{ proxy: FaultProxy; heard: () => string }> {
  let heard = ''
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', chunk => {
      heard += chunk
      socket.write(chunk)
    })
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  const proxy = await FaultProxy.open({ host: '127.0.0.1', port: (server.address() as AddressInfo).port })
  closers.push(() => proxy.close())
  return { proxy, heard: () => heard }
}

interface Client {
  readonly socket: Socket
  readonly said: () => string
  /** 'end', an error's code, or '' while it is open. */
  readonly ending: () => string
}

async function client(proxy: FaultProxy): Promise<Client> {
  const socket = connect({ host: '127.0.0.1', port: proxy.port, noDelay: true })
  closers.push(() => socket.destroy())
  let said = ''
  let ending = ''
  socket.on('data', chunk => {
    said += chunk.toString('latin1')
  })
  socket.on('end', () => {
    ending ||= 'end'
  })
  socket.on('error', error => {
    ending ||= (error as NodeJS.ErrnoException).code ?? error.message
  })
  await once(socket, 'connect')
  return { socket, said: () => said, ending: () => ending }
}

describe('a fault proxy', () => {
  test('without faults passes on everything, counts it, and ends with the client', async () => {
    const { proxy, heard } = await echoing()
    const { socket, said, ending } = await client(proxy)
    socket.write('hello')
    await until(() => said() === 'hello')
    socket.end(' world')
    await until(() => ending() === 'end')
    expect([heard(), said()]).toEqual(['hello world', 'hello world'])
    expect([proxy.connections, proxy.bytesToServer, proxy.bytesToClient]).toEqual([1, 11, 11])
    await until(() => proxy.open === 0)
  })

  test('delays one direction, in order', async () => {
    const { proxy, heard } = await echoing()
    const { socket, said } = await client(proxy)
    proxy.toClient = { delayMs: 150 }
    const startedMs = performance.now()
    socket.write('a')
    await until(() => heard() === 'a')
    proxy.toClient = {}
    socket.write('b')
    await until(() => said().length === 2)
    expect(performance.now() - startedMs).toBeGreaterThan(140)
    expect(said()).toBe('ab')
  })

  test('keeps back what a gate is before', async () => {
    const { proxy, heard } = await echoing()
    const { socket, said } = await client(proxy)
    const { promise, resolve } = promiseWithResolvers()
    proxy.toClient = { gate: promise }
    socket.write('a')
    await until(() => heard() === 'a')
    await new Promise(later => setTimeout(later, 50))
    expect(said()).toBe('')
    resolve()
    await until(() => said() === 'a')
  })

  test('is a black hole: accepts, takes, and passes nothing on', async () => {
    const { proxy, heard } = await echoing()
    proxy.toServer = { blackHole: true }
    const { socket, ending } = await client(proxy)
    socket.end('lost')
    await new Promise(later => setTimeout(later, 50))
    expect([heard(), ending(), proxy.bytesToServer]).toEqual(['', '', 0])
  })

  test('refuses: resets what is open, listens no more, and again on the same port', async () => {
    const { proxy } = await echoing()
    const { socket, said, ending } = await client(proxy)
    socket.write('a')
    await until(() => said() === 'a')
    await proxy.refuse()
    await until(() => ending() === 'ECONNRESET')
    await expect(client(proxy)).rejects.toThrow('ECONNREFUSED')
    await proxy.accept()
    const again = await client(proxy)
    again.socket.write('b')
    await until(() => again.said() === 'b')
  })

  test('resets at a word', async () => {
    const { proxy } = await echoing()
    const { socket, said, ending } = await client(proxy)
    socket.write('a')
    await until(() => said() === 'a')
    proxy.reset()
    await until(() => ending() === 'ECONNRESET')
  })

  test('and resets a client whose server is not there', async () => {
    const { proxy } = await echoing()
    proxy.target = { host: '127.0.0.1', port: 1 }
    const { ending } = await client(proxy)
    await until(() => ending() === 'ECONNRESET')
  })

  test.each([
    ['end', 'end'],
    ['reset', 'ECONNRESET'],
  ] as const)('cuts after n bytes, by %s', async (cutBy, expected) => {
    const { proxy } = await echoing()
    const { socket, said, ending } = await client(proxy)
    socket.write('abc')
    await until(() => said() === 'abc')
    proxy.toClient = { cutAfter: 5, cutBy }
    socket.write('defg')
    await until(() => ending() !== '')
    expect(ending()).toBe(expected)
    if (cutBy === 'end') expect(said()).toBe('abcde')
    expect(proxy.bytesToClient).toBe(5)
  })

  test('flips the byte at n of a connection, once', async () => {
    const { proxy } = await echoing()
    proxy.toServer = { flipAt: 4 }
    const { socket, said } = await client(proxy)
    for (const [text, length] of [
      ['abc', 3],
      ['abc', 6],
      ['abc', 9],
    ] as const) {
      socket.write(text)
      await until(() => said().length === length)
    }
    expect(said()).toBe('abca\x9dcabc')
  })

  test('flips the byte at n of each reply', async () => {
    const { proxy } = await echoing()
    proxy.toClient = { flipAt: 1, flipIn: 'turn' }
    const { socket, said } = await client(proxy)
    socket.write('abc')
    await until(() => said().length === 3)
    socket.write('abc')
    await until(() => said().length === 6)
    expect(said()).toBe('a\x9dca\x9dc')
  })

  test('passes on one byte every t ms', async () => {
    const { proxy } = await echoing()
    proxy.toClient = { trickleMs: 20 }
    const { socket, said } = await client(proxy)
    const startedMs = performance.now()
    socket.write('abcde')
    await until(() => said() === 'abcde')
    expect(performance.now() - startedMs).toBeGreaterThan(70)
  })

  test('answers in place of the server, and ends', async () => {
    const { proxy, heard } = await echoing()
    proxy.answer = () => [Buffer.from('go '), Buffer.from('away')]
    const { socket, said, ending } = await client(proxy)
    socket.write('a')
    await until(() => ending() === 'end')
    expect([said(), heard()]).toEqual(['go away', ''])
  })

  test('answers without an end, until the client has enough', async () => {
    const { proxy } = await echoing()
    proxy.answer = function* () {
      for (;;) yield Buffer.alloc(10_000, 'x')
    }
    const { socket, said } = await client(proxy)
    socket.write('a')
    await until(() => said().length > 1_000_000)
    socket.destroy()
    await until(() => proxy.open === 0)
  })

  test('resets a kept connection as it is used again, and no new one', async () => {
    const { proxy, heard } = await echoing()
    const { socket, said, ending } = await client(proxy)
    socket.write('a')
    await until(() => said() === 'a')
    proxy.resetsReused = true
    socket.write('b')
    await until(() => ending() === 'ECONNRESET')
    const other = await client(proxy)
    other.socket.write('c')
    await until(() => other.said() === 'c')
    expect(heard()).toBe('ac')
  })
})

function promiseWithResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {}
  const promise = new Promise<void>(done => {
    resolve = done
  })
  return { promise, resolve }
}
