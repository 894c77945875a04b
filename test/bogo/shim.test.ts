/** The shim as the runner starts it, with node:tls for the runner. */
import { once } from 'node:events'
import { createServer, type Server, type Socket } from 'node:net'
import { connect, createSecureContext, TLSSocket } from 'node:tls'
import { fileURLToPath } from 'node:url'
import { afterEach, describe, expect, it, test, vi } from 'vitest'
import { fixture } from '../support/fixtures.ts'
import { NotImplemented, parseFlags } from './shim/flags.ts'
import { main } from './shim/main.ts'

const pathOf = (file: string) => fileURLToPath(new URL(`../fixtures/${file}`, import.meta.url))

describe('flags', () => {
  test('one that is prefixed is of that connection alone', () => {
    const { initial, resume } = parseFlags(['-server', '-on-resume-verify-fail', '-on-initial-no-ticket'])
    expect(initial).toMatchObject({ server: true, 'verify-fail': false, 'no-ticket': true })
    expect(resume).toMatchObject({ server: true, 'verify-fail': true, 'no-ticket': false })
  })

  test('values are numbers, texts, bytes, and lists that grow', () => {
    const { initial } = parseFlags(['-curves', '29', '-curves', '23', '-expect-ocsp-response', 'AQID'])
    expect(initial.curves).toEqual([29, 23])
    expect(initial['expect-ocsp-response']).toEqual(Uint8Array.of(1, 2, 3))
    expect(initial['host-name']).toBeUndefined()
  })

  test('a credential has the flags behind it, the default those before', () => {
    const flags = ['-cert-file', 'a', '-new-x509-credential', '-cert-file', 'b', '-signing-prefs', '1027']
    const { defaultCredential, credentials } = parseFlags(flags).initial
    expect(defaultCredential['cert-file']).toBe('a')
    expect(credentials).toMatchObject([{ 'cert-file': 'b', 'signing-prefs': [1027] }])
  })

  test('what is for a handshaker or a retry is passed over', () => {
    expect(parseFlags(['-on-handshaker-key-file', 'x', '-on-retry-verify-fail']).initial['verify-fail']).toBe(
      false,
    )
  })

  test('what is not done and what is not known are two things', () => {
    expect(() => parseFlags(['-psk', '00'])).toThrow(NotImplemented)
    expect(() => parseFlags(['-on-initial-dtls'])).toThrow(NotImplemented)
    expect(() => parseFlags(['-brand-new'])).toThrow(/unknown flag -brand-new/)
    expect(() => parseFlags(['-port'])).toThrow(/wants a value/)
  })
})

describe('the program', () => {
  let runner: Server | undefined
  const stderr: string[] = []
  afterEach(() => {
    runner?.close()
    vi.restoreAllMocks()
    stderr.length = 0
  })

  /** Runs the shim against `talk`, which gets the socket behind the shim's number. */
  async function run(flags: readonly string[], talk: (socket: Socket) => Promise<void>): Promise<number> {
    vi.spyOn(console, 'error').mockImplementation(text => void stderr.push(String(text)))
    const numbers: bigint[] = []
    const talks: Promise<void>[] = []
    runner = createServer(async socket => {
      await once(socket, 'readable')
      numbers.push((socket.read(8) as Buffer).readBigUInt64LE())
      talks.push(talk(socket))
    }).listen(0, '127.0.0.1')
    await once(runner, 'listening')
    const { port } = runner.address() as { port: number }
    const status = await main(['-port', String(port), '-shim-id', '7000000000', ...flags])
    await Promise.allSettled(talks)
    expect(new Set(numbers)).toEqual(new Set([7000000000n]))
    return status
  }

  /** Sends 32 bytes of 0x42 and wants them back with every bit turned over. */
  async function exchangeMessage(peer: TLSSocket, received: string[]): Promise<void> {
    peer.write(Buffer.alloc(32, 0x42))
    const [chunk] = await once(peer, 'data')
    received.push((chunk as Buffer).toString('hex'))
    peer.end()
    await once(peer, 'close')
  }
  const turnedOver = 'bd'.repeat(32)

  it('is a client that resumes', async () => {
    const context = createSecureContext({ cert: fixture('server.pem'), key: fixture('server.key') })
    const [received, reused]: [string[], boolean[]] = [[], []]
    const options = { isServer: true, secureContext: context } as const
    const status = await run(['-resume-count', '1', '-check-close-notify'], async socket => {
      const peer = new TLSSocket(socket, options)
      await once(peer, 'secure')
      reused.push(peer.isSessionReused())
      await exchangeMessage(peer, received)
    })
    expect(stderr).toEqual([])
    expect(status).toBe(0)
    expect(received).toEqual([turnedOver, turnedOver])
    expect(reused).toEqual([false, true])
  })

  it('is a server, and checks what it is told to expect', async () => {
    const flags = ['-server', '-cert-file', pathOf('server.pem'), '-key-file', pathOf('server.key')]
    const talk = (received: string[]) => async (socket: Socket) => {
      const peer = connect({
        socket,
        servername: 'localhost',
        rejectUnauthorized: false,
        maxVersion: 'TLSv1.2',
      })
      peer.on('error', () => {})
      await exchangeMessage(peer, received).catch(() => {})
    }
    const received: string[] = []
    expect(await run([...flags, '-expect-server-name', 'localhost'], talk(received))).toBe(0)
    expect(received).toEqual([turnedOver])
    expect(await run([...flags, '-expect-server-name', 'elsewhere'], talk([]))).toBe(1)
    expect(stderr.join()).toContain('server_name is localhost')
  })

  it('says the code of a fault', async () => {
    const status = await run([], async socket => void socket.end('HTTP/1.1 400 no\r\n\r\n'))
    expect(status).toBe(1)
    expect(stderr.join()).toMatch(/^:UNKNOWN_RECORD_TYPE: /)
  })

  it('tells apart what it does not do', async () => {
    expect(await main(['-psk', '00'])).toBe(89)
    expect(await main(['-max-version', '770'])).toBe(89)
  })
})
