import { connect } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { beforeAll, describe, expect, it } from 'vitest'
import { type ServerUnderTest, startListening } from '../support/processes.ts'

let server: ServerUnderTest

beforeAll(async () => {
  const fixture = (name: string) => fileURLToPath(new URL(`../fixtures/${name}`, import.meta.url))
  const args = ['--cert', fixture('server.pem'), '--key', fixture('server.key')]
  server = await startListening(['server', '--listen', '127.0.0.1:0', ...args])
})

/** What a node:tls client gets for some bytes, and how many pieces it came in. */
function ask(...pieces: readonly string[]): Promise<{ text: string; chunks: number }> {
  return new Promise((resolve, reject) => {
    const options = {
      host: server.host,
      port: server.port,
      rejectUnauthorized: false,
      ciphers: 'AES128-GCM-SHA256',
    }
    const socket = connect({ ...options, maxVersion: 'TLSv1.2' }, () => {
      pieces.forEach((piece, i) => {
        setTimeout(() => socket.write(piece), i * 20)
      })
    })
    const chunks: Buffer[] = []
    socket.on('data', chunk => chunks.push(chunk))
    socket.once('error', reject)
    // 'end' comes with close_notify alone: without one it would be an error.
    socket.once('end', () => resolve({ text: Buffer.concat(chunks).toString(), chunks: chunks.length }))
  })
}

describe('--app http', () => {
  it('answers a GET that comes in pieces with one record and its true length', async () => {
    const { text, chunks } = await ask('GET / HT', 'TP/1.1\r\nhost: x\r', '\n\r\n')
    const [head, body] = text.split('\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(head).toContain(`content-length: ${body!.length}\r\n`)
    expect(head).toContain('connection: close')
    expect(body).toMatch(new RegExp(`^server: 127.0.0.1:${server.port}\n`))
    expect(chunks).toBe(1)
  })

  it('every reply has the same length, so that records can be counted', async () => {
    for (const request of ['GET / HTTP/1.0\n\n', 'POST / HTTP/1.1\r\n\r\n', 'hello\r\n\r\n']) {
      expect((await ask(request)).text).toHaveLength(1000)
    }
  })

  it('HEAD is the same without the body; other methods are 405', async () => {
    expect((await ask('HEAD / HTTP/1.1\r\n\r\n')).text).toMatch(
      /^HTTP\/1\.1 200 OK\r\n.*content-length: \d{2,}\r\n.*\r\n\r\n$/s,
    )
    const { text } = await ask('POST / HTTP/1.1\r\ncontent-length: 1\r\n\r\nx')
    expect(text).toMatch(/^HTTP\/1\.1 405 .*\r\nallow: GET, HEAD\r\n/s)
  })

  it('what is no HTTP is 400, a head without end 431', async () => {
    expect((await ask('hello\r\n\r\n')).text).toMatch(/^HTTP\/1\.1 400 /)
    expect((await ask(`GET / HTTP/1.1\r\nx: ${'y'.repeat(17_000)}`)).text).toMatch(/^HTTP\/1\.1 431 /)
  })
})
