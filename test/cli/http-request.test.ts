import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { fetchOverHttp } from '../../src/cli/http-request.ts'
import type { TLSSocket } from '../../src/node/index.ts'

/** Answers in pieces over a stream that stands for a connection; its own writes go nowhere. */
function fetchFrom(pieces: readonly string[], { endsCleanly = true } = {}) {
  const stream = new PassThrough()
  const connection = Object.assign(stream, { write: () => true })
  const answer = fetchOverHttp(connection as unknown as TLSSocket, { path: '/', host: 'localhost' })
  for (const piece of pieces) stream.push(piece)
  if (endsCleanly) {
    stream.push(null)
    stream.end()
  } else {
    stream.destroy(new Error('cut off'))
  }
  return answer
}

const head = 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n'

test('an answer in pieces', async () => {
  const response = await fetchFrom([...head, 'he', 'llo'])
  expect({ ...response, body: response.body.toString() }).toEqual({ status: 200, body: 'hello' })
})

test('one without a length ends where the connection does', async () => {
  const { body } = await fetchFrom(['HTTP/1.0 200 OK\r\n\r\n', 'all there is'])
  expect(body.toString()).toBe('all there is')
})

test('one that is cut off, or no HTTP, or too long is refused', async () => {
  await expect(fetchFrom([head, 'hel'], { endsCleanly: false })).rejects.toThrow('cut off')
  await expect(fetchFrom(['220 smtp ready\r\n'])).rejects.toThrow('not HTTP')
  await expect(fetchFrom(['x'.repeat(70_000)])).rejects.toThrow('not HTTP')
  await expect(fetchFrom(['HTTP/1.0 200 OK\r\ncontent-length: 99999999999\r\n\r\n'])).rejects.toThrow(
    'over 67108864 bytes',
  )
})
