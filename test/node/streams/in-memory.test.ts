/** Transports that are not net.Sockets: at once where a socket takes its time, and with manners of their own. */
import { once } from 'node:events'
import { Duplex } from 'node:stream'
import { expect, test } from 'vitest'
import { closed, logOf, memoryPair, ownStack, tcpPair } from './stacks.ts'

/** What is written at one end is at the other before the write returns, unless it is kept to arrive in one piece. */
class DirectEnd extends Duplex {
  #other: DirectEnd | undefined
  #kept: Buffer[] | undefined

  static pair(): { client: DirectEnd; server: DirectEnd } {
    const [client, server] = [new DirectEnd(), new DirectEnd()]
    client.#other = server
    server.#other = client
    return { client, server }
  }

  keep(): void {
    this.#kept = []
  }

  send(): void {
    const kept = this.#kept ?? []
    this.#kept = undefined
    this.#other?.push(Buffer.concat(kept))
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    if (this.#kept) this.#kept.push(chunk)
    else this.#other?.push(chunk)
    done()
  }

  override _final(done: () => void): void {
    this.#other?.push(null)
    done()
  }
}

test('an answer that is here before the question is all told does not overtake the rest of it, nor does the end', async () => {
  const transports = DirectEnd.pair()
  const [client, server] = [ownStack.client(transports.client), ownStack.server(transports.server)]
  const log = logOf(client)
  await Promise.all([once(client, 'secure'), once(server, 'secure')])
  server.once('data', () => server.end('answer'))
  client.on('data', chunk => log.push(String(chunk)))
  client.once('data', () => client.write('question'))
  client.once('end', () => client.end())
  // Both flow by now, and are told of what comes as it comes.
  await new Promise(resolve => setImmediate(resolve))
  transports.server.keep()
  for (const word of ['one', 'two', 'three']) server.write(word)
  transports.server.send()
  await closed({ client, server })
  expect(log).toEqual(['secure', 'one', 'two', 'three', 'answer', 'end', 'finish', 'close'])
})

test.each(['client', 'server'] as const)(
  'an error that it only tells of is the error of the %s above',
  async side => {
    const transports = memoryPair()
    const ends = { client: ownStack.client(transports.client), server: ownStack.server(transports.server) }
    const logs = { client: logOf(ends.client), server: logOf(ends.server) }
    await Promise.all([once(ends.client, 'secure'), once(ends.server, 'secure')])
    transports[side].emit('error', new Error('the cable was cut'))
    ends.client.resume()
    ends.server.resume()
    await closed(ends)
    expect(logs[side]).toEqual(['secure', 'error the cable was cut', 'close, had error'])
    expect(transports[side].destroyed).toBe(true)
  },
)

test('after a reset nothing is left to wait for', async () => {
  const transports = await tcpPair()
  const ends = { client: ownStack.client(transports.client), server: ownStack.server(transports.server) }
  for (const end of [ends.client, ends.server]) logOf(end)
  await Promise.all([once(ends.client, 'secure'), once(ends.server, 'secure')])
  const timers = () => process.getActiveResourcesInfo().filter(name => name === 'Timeout').length
  const before = timers()
  transports.server.resetAndDestroy()
  await closed(ends)
  expect(timers()).toBeLessThanOrEqual(before)
})
