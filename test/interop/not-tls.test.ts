/** Who speaks something else to a TLS port is told so at once, and the port goes on serving (RFC 5246 §6.2.1, §E.2; RFC 6176). */
import { once } from 'node:events'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, connect as connectTcp } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { connect } from '../../src/node/index.ts'
import { cat, filled, hex, u16, u24 } from '../support/by-hand.ts'
import { needs, runPeer } from '../support/peers.ts'
import { fixturePath, type OwnServer, startOwnServer, visit } from './support.ts'

/** A server of ours, and the codes of the handshakes that failed. */
async function startCounting(): Promise<OwnServer & { readonly codes: string[] }> {
  const own = await startOwnServer(socket => socket.end('HTTP/1.0 200 OK\r\n\r\nserved'))
  const codes: string[] = []
  own.server.on('tlsClientError', (error: Error & { code: string }) => codes.push(error.code))
  return { ...own, codes }
}

/** What a TCP client hears that says `bytes` and no more, until the server ends. */
async function answerTo(port: number, bytes: Uint8Array): Promise<Buffer> {
  const socket = connectTcp({ host: '127.0.0.1', port })
  onTestFinished(() => void socket.destroy())
  const chunks: Buffer[] = []
  socket.on('data', chunk => chunks.push(chunk))
  socket.write(bytes)
  await once(socket, 'end')
  return Buffer.concat(chunks)
}

/** A ClientHello in SSLv2's form (RFC 5246 §E.2): cipher specs of 3 bytes, no session ID, a challenge. */
function sslv2Hello(version: number): Uint8Array {
  const specs = cat(u24(0x010080), u24(0x00002f), u24(0x00009c))
  const challenge = filled(32, 7)
  const lengths = cat(u16(specs.length), u16(0), u16(challenge.length))
  const message = cat(hex('01'), u16(version), lengths, specs, challenge)
  return cat(u16(0x8000 | message.length), message)
}

test.each([
  ['SSL 2.0', 0x0002],
  ['TLS 1.2 in its form', 0x0303],
])('a ClientHello of %s is answered with one fatal alert, and the end', async (_, version) => {
  const { port, codes } = await startCounting()
  const answer = await answerTo(port, sslv2Hello(version))
  expect(answer).toHaveLength(7)
  expect([...answer.subarray(0, 6)]).toEqual([21, 3, 3, 0, 2, 2])
  expect(codes).toHaveLength(1)
  const { received } = await visit(port, {}, { send: 'GET / HTTP/1.0\r\n\r\n' })
  expect(Buffer.from(received).toString()).toContain('served')
})

needs('curl', () => {
  test('curl with http: for https: is told at once, and with https: is served', async () => {
    const { port, codes } = await startCounting()
    const plain = await runPeer('curl', ['--silent', '--show-error', `http://127.0.0.1:${port}/`])
    expect(plain.exitCode).not.toBe(0)
    expect(plain.stdout).not.toContain('served')
    expect(codes).toHaveLength(1)
    const tls = ['--cacert', fixturePath('ca.pem'), '--connect-to', `localhost:443:127.0.0.1:${port}`]
    const secure = await runPeer('curl', ['--silent', '--show-error', ...tls, 'https://localhost/'])
    expect(secure).toMatchObject({ exitCode: 0, stdout: 'served' })
  })
})

test('our client at a port that speaks plain HTTP says what it found', async () => {
  const server = createHttpServer((_, response) => response.end('plain'))
  server.listen(0, '127.0.0.1')
  onTestFinished(() => void server.close())
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const socket = connect({ host: '127.0.0.1', port, servername: 'localhost' })
  const [error] = (await once(socket, 'error')) as [Error & { code: string }]
  expect(error.code).toBe('ERR_SSL_WRONG_VERSION_NUMBER')
  expect(error).toMatchObject({
    message: expect.stringContaining('plain HTTP'),
    cause: { code: 'UNKNOWN_RECORD_TYPE' },
  })
})
