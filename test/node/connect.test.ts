import { connect as connectTcp } from 'node:net'
import { describe, expect, it } from 'vitest'
import { ApiMisuse } from '../../src/errors.ts'
import { ending, open, readAll, startServer } from './support.ts'

const sayName = () => startServer(socket => void socket.end(String(socket.servername)))

describe('the name of a server', () => {
  it("an empty servername asks for none, and the host's own is verified all the same", async () => {
    const { port } = await sayName()
    expect(String(await readAll(open(port, { servername: '' })))).toBe('false')
    const transport = connectTcp({ host: '127.0.0.1', port, allowHalfOpen: true })
    const elsewhere = open(port, { socket: transport, host: 'elsewhere.example', servername: '' })
    expect(await ending(elsewhere)).toEqual(['error ERR_TLS_CERT_ALTNAME_INVALID', 'close'])
  })

  it('an IP address is verified and not asked for', async () => {
    const { port } = await sayName()
    expect(String(await readAll(open(port, { servername: '127.0.0.1' })))).toBe('false')
    expect(await ending(open(port, { servername: '127.0.0.2' }))).toEqual([
      'error ERR_TLS_CERT_ALTNAME_INVALID',
      'close',
    ])
  })

  it.each(['b\u00fccher.example', 'a'.repeat(300)])(
    'a host that no session can name has none: %s',
    async host => {
      const { port } = await sayName()
      const socket = connectTcp({ host: '127.0.0.1', port, allowHalfOpen: true })
      const options = { socket, host, servername: '', rejectUnauthorized: false }
      const client = open(port, options)
      expect(String(await readAll(client))).toBe('false')
      expect(client.getSession()).toBeUndefined()
    },
  )

  it('is asked for without its trailing dot', async () => {
    const { port } = await sayName()
    expect(String(await readAll(open(port, { servername: 'localhost.' })))).toBe('localhost')
  })

  it.each([
    ['not ASCII', 'b\u00e4d'],
    ['an address in brackets', '[::1]'],
    ['two words', 'two words'],
    ['longer than any', 'a'.repeat(70_000)],
  ])('%s is refused at once', async (_what, servername) => {
    const { port } = await startServer()
    expect(() => open(port, { servername })).toThrow(ApiMisuse)
  })
})
