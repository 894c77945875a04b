/** Large bodies over our TLS, both ways: all of them arrives, and a reader who takes his time is waited for. */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import type { IncomingMessage } from 'node:http'
import nodeHttps from 'node:https'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, test, vi } from 'vitest'
import { pattern } from '../node/support.ts'
import { ca, type Https, own, startHttps, untilStill } from './http-support.ts'

const mebibyte = 1024 * 1024
const bodyBytes = 64 * mebibyte
/** The kernel's buffers of both ends hold some megabytes, ours some kilobytes. */
const aheadAtMost = 32 * mebibyte
const patienceMs = 120_000

/** A body that is made as it is asked for, and how much of it was. */
function makeBody(chunkBytes = 64 * 1024) {
  const made = { bytes: 0, digest: createHash('sha256') }
  const chunk = pattern(chunkBytes)
  const body = new Readable({
    highWaterMark: chunkBytes,
    read() {
      if (made.bytes === bodyBytes) return void this.push(null)
      chunk.writeUInt32BE(made.bytes / chunkBytes)
      made.bytes += chunkBytes
      made.digest.update(chunk)
      this.push(Buffer.from(chunk))
    },
  })
  return { made, body }
}

async function digestOf(stream: AsyncIterable<Buffer>): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of stream) hash.update(chunk)
  return hash.digest('hex')
}

const pairs: readonly (readonly [string, Https, Https])[] = [
  ["node's client, our server", nodeHttps, own],
  ["our client, node's server", own, nodeHttps],
]

describe.each(pairs)('%s', (_, client, server) => {
  const post = (port: number) =>
    client.request({ host: '127.0.0.1', port, servername: 'localhost', ca, method: 'POST', agent: false })

  test(
    '64 MiB there and back at once',
    async () => {
      const { port } = await startHttps(server, (request, response) => request.pipe(response))
      const { made, body } = makeBody()
      const request = post(port)
      const sent = pipeline(body, request)
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      const received = await digestOf(response)
      await sent
      expect(received).toBe(made.digest.digest('hex'))
      expect(made.bytes).toBe(bodyBytes)
    },
    patienceMs,
  )

  test(
    'a server that does not read holds its client up',
    async () => {
      const { server: slow, port } = await startHttps(server, () => {})
      const { made, body } = makeBody()
      const request = post(port)
      request.on('error', () => {})
      body.pipe(request)
      const [incoming, answer] = await once(slow, 'request')
      incoming.on('error', () => {})
      const before = await untilStill(() => made.bytes)
      expect(before).toBeLessThan(aheadAtMost)
      incoming.resume()
      await vi.waitFor(() => expect(made.bytes).toBeGreaterThan(before + mebibyte), patienceMs)
      answer.destroy()
    },
    patienceMs,
  )

  test(
    'a client that does not read holds its server up',
    async () => {
      const { made, body } = makeBody()
      const { port } = await startHttps(server, (_request, response) => body.pipe(response))
      const request = post(port).end()
      request.on('error', () => {})
      const [response] = (await once(request, 'response')) as [IncomingMessage]
      response.on('error', () => {})
      const before = await untilStill(() => made.bytes)
      expect(before).toBeLessThan(aheadAtMost)
      response.resume()
      await vi.waitFor(() => expect(made.bytes).toBeGreaterThan(before + mebibyte), patienceMs)
      request.destroy()
    },
    patienceMs,
  )
})
