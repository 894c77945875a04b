/**
 * The same script on node:tls and on ours, in every pairing of client and server; what each end tells must be what it tells
 * when both ends are node:tls's.
 */
import { X509Certificate } from 'node:crypto'
import type { EventEmitter } from 'node:events'
import { type AddressInfo, Server as NetServer, Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import * as nodeTls from 'node:tls'
import { expect, it } from 'vitest'
import * as ownTls from '../../../src/node/index.ts'
import { fixture } from '../../support/fixtures.ts'

/** What a script may use: it is written for node:tls. */
export type Tls = typeof nodeTls

/** One end of a script: whose implementation it is, and what it tells. */
export interface End {
  readonly tls: Tls
  readonly isOurs: boolean
  /** What makes node:tls speak what ours does by default: TLS 1.2, and sessions by their ID. */
  readonly options: nodeTls.SecureContextOptions
  /** Adds a line to what this end tells. Each end has lines of its own: nothing says which of two ends comes first. */
  readonly log: (what: string, ...values: unknown[]) => void
  /** Logs what the call returns, or the code of what it throws. */
  readonly attempt: (what: string, call: () => unknown) => void
  /** Logs these events of an emitter as they come, with what they bring along. */
  readonly watch: (emitter: EventEmitter, ...events: string[]) => void
}

/** What a script is given. All that it opens through it is gone when it has ended. */
export interface Stage {
  readonly client: End
  readonly server: End
  /** A server with the fixtures' RSA certificate. A listener that it is given reads nothing by itself. */
  readonly serve: (
    options?: nodeTls.TlsOptions,
    listener?: (socket: nodeTls.TLSSocket) => void,
  ) => Promise<Served>
  /** Has a server listen on a port of the system's choice. */
  readonly listen: (server: NetServer) => Promise<number>
  /** A client that trusts the fixtures' authorities and logs its errors. */
  readonly open: (port: number, options?: ClientOptions, onSecureConnect?: () => void) => nodeTls.TLSSocket
  /** Has something destroyed when the script has ended. */
  readonly keep: <T extends { destroy(): unknown }>(resource: T) => T
}

/** What connect takes and its types do not say. */
export type ClientOptions = nodeTls.ConnectionOptions &
  Pick<nodeTls.TLSSocketOptions, 'requestOCSP'> & {
    readonly signal?: AbortSignal
    readonly allowHalfOpen?: boolean
    readonly highWaterMark?: number
  }

export interface Served {
  readonly server: nodeTls.Server
  readonly port: number
  /** Its connections, in the order in which their handshakes ended. */
  readonly sockets: nodeTls.TLSSocket[]
  /** Waits for the next one, unless it is there. */
  readonly socket: (index?: number) => Promise<nodeTls.TLSSocket>
}

export type Script = (stage: Stage) => Promise<void>

type Line = readonly [what: string, ...values: unknown[]]
/** What both ends told, and how the script went wrong if it did. */
export interface Trace {
  readonly client: readonly Line[]
  readonly server: readonly Line[]
  readonly failure?: string
}

const node = { tls: nodeTls, isOurs: false }
// It has the names of node:tls, which is what these tests are about.
const ours = { tls: ownTls as unknown as Tls, isOurs: true }

/** Who is compared with node:tls at both ends. */
const pairs = [
  ['our client, our server', ours, ours],
  ["our client, node's server", ours, node],
  ["node's client, our server", node, ours],
] as const

/** A busy machine takes seconds; who takes longer hangs. */
const scriptDeadlineMs = 20_000
const testTimeoutMs = 5 * scriptDeadlineMs

/** Declares a test: the script tells the same whoever's ends it is played with. */
export function parity(title: string, script: Script): void {
  it(title, { timeout: testTimeoutMs }, async () => {
    const told = await perform(script, node, node)
    expect(told.failure, "with node:tls's at both ends").toBeUndefined()
    expect(told.client.length + told.server.length, 'lines told').toBeGreaterThan(0)
    const traces: Record<string, Trace> = {}
    for (const [pair, client, server] of pairs) traces[pair] = await perform(script, client, server)
    expect(traces).toStrictEqual(Object.fromEntries(pairs.map(([pair]) => [pair, told])))
  })
}

/** What both tell where ours is meant to be another, and why. */
export interface Difference {
  readonly why: string
  /** The last major version of Node that is another: later ones tell what ours does. */
  readonly until?: number
  readonly node: Trace
  readonly ours: Trace
}

/** Declares a test that pins both: what two ends of node:tls's tell, and what two ends of ours do. */
export function difference(title: string, script: Script, expected: Difference): void {
  it(title, { timeout: testTimeoutMs }, async () => {
    const told = { node: await perform(script, node, node), ours: await perform(script, ours, ours) }
    const isOver = Number.parseInt(process.versions.node, 10) > (expected.until ?? Number.POSITIVE_INFINITY)
    const ofNode = isOver ? expected.ours : expected.node
    expect(told, expected.why).toStrictEqual({ node: ofNode, ours: expected.ours })
    expect(expected.ours, 'a difference that is none').not.toEqual(expected.node)
  })
}

type Implementation = Pick<End, 'tls' | 'isOurs'>

async function perform(script: Script, client: Implementation, server: Implementation): Promise<Trace> {
  const told: { client: Line[]; server: Line[] } = { client: [], server: [] }
  const cleaners: (() => unknown)[] = []
  const stage = stageOf(endOf(client, told.client), endOf(server, told.server), clean => cleaners.push(clean))
  const deadline = new AbortController()
  try {
    await Promise.race([
      script(stage),
      sleep(scriptDeadlineMs, undefined, { signal: deadline.signal }).then(() => {
        throw new Error('the script hangs')
      }),
    ])
    return { client: [...told.client], server: [...told.server] }
  } catch (error) {
    return {
      client: [...told.client],
      server: [...told.server],
      failure: error instanceof Error ? error.message : String(error),
    }
  } finally {
    deadline.abort()
    // The last one first: what is wrapped outlives its wrapping.
    for (const clean of cleaners.reverse()) clean()
  }
}

function endOf({ tls, isOurs }: Implementation, lines: Line[]): End {
  const log = (what: string, ...values: unknown[]) => {
    lines.push([what, ...values.map(shapeOf)])
  }
  return {
    ...{ tls, isOurs, log },
    // Ours has neither TLS 1.3 nor, unless somebody asks for them, tickets: `differences.test.ts`.
    options: isOurs ? {} : { maxVersion: 'TLSv1.2', secureOptions: SSL_OP_NO_TICKET },
    attempt: (what, call) => log(what, resultOf(call)),
    watch: (emitter, ...events) => {
      for (const event of events) emitter.on(event, (...values: unknown[]) => log(event, ...values))
    },
  }
}

export const SSL_OP_NO_TICKET = 0x4000

function stageOf(client: End, server: End, whenOver: (clean: () => unknown) => void): Stage {
  const keep = <T extends { destroy(): unknown }>(resource: T): T => {
    whenOver(() => resource.destroy())
    return resource
  }
  const listen = (listening: NetServer) => {
    listening.on('connection', (transport: Socket) => {
      transport.on('error', () => {})
      keep(transport)
    })
    whenOver(() => listening.close())
    return new Promise<number>((resolve, reject) => {
      listening.once('error', reject)
      listening.listen(0, '127.0.0.1', () => resolve((listening.address() as AddressInfo).port))
    })
  }
  const serve: Stage['serve'] = async (options = {}, listener = socket => void socket.resume()) => {
    const sockets: nodeTls.TLSSocket[] = []
    const created = server.tls.createServer({ ...identity('server'), ...server.options, ...options })
    const waiting: (() => void)[] = []
    created.on('secureConnection', socket => {
      // What a script does not ask for, such as how a client that it leaves behind went, is none of its lines.
      socket.on('error', () => {})
      listener(socket)
      sockets.push(socket)
      for (const wake of waiting.splice(0)) wake()
    })
    const socket = async (index = 0): Promise<nodeTls.TLSSocket> => {
      while (!sockets[index]) await new Promise<void>(resolve => waiting.push(resolve))
      return sockets[index]
    }
    return { server: created, port: await listen(created), sockets, socket }
  }
  const open: Stage['open'] = (port, options = {}, onSecureConnect = undefined) => {
    const trusted = { ca: authorities, host: '127.0.0.1', servername: 'localhost' }
    const socket = keep(
      client.tls.connect({ ...trusted, port, ...client.options, ...options }, onSecureConnect),
    )
    client.watch(socket, 'error')
    return socket
  }
  return { client, server, serve, listen, open, keep }
}

const authorities = [fixture('ca.pem'), fixture('ec-ca.pem')]

/** A certificate of the fixtures and its key. */
export const identity = (name: string) => ({ cert: fixture(`${name}.pem`), key: fixture(`${name}.key`) })

/** Options with which an end gives or takes its session as a ticket: node:tls's by default, ours where it is asked to. */
export const withTickets = ({ isOurs }: End): object => (isOurs ? { tickets: true } : { secureOptions: 0 })

/** A socket whose errors are not told: what a client sees of a refusal is another matter. */
export function quiet(socket: nodeTls.TLSSocket): nodeTls.TLSSocket {
  return socket.removeAllListeners('error').on('error', () => {})
}

/** Waits for an event and gives what it brings; unlike node's `once`, also where an 'error' comes before it. */
export function next(emitter: EventEmitter, event: string): Promise<unknown[]> {
  return new Promise(resolve => void emitter.once(event, (...values) => resolve(values)))
}

/** What a call gives, or the code of its exception: texts are not compared. */
function resultOf(call: () => unknown): unknown {
  try {
    return call()
  } catch (error) {
    return { throws: codeOf(error) }
  }
}

/** OpenSSL has another word for some alerts from 3.2 on, and Node's code, which is made of it, has a slash. */
export const codeOf = (error: unknown): string =>
  error instanceof Error && 'code' in error
    ? String(error.code).replace('SSL/TLS_ALERT', 'SSLV3_ALERT')
    : 'without a code'

/**
 * What of a value is compared: of an error its code, of bytes that they are some (a script that knows which they are shows them in
 * hexadecimal), of sockets and other objects whose they are.
 */
function shapeOf(value: unknown): unknown {
  if (value instanceof Error) return { error: codeOf(value) }
  if (value instanceof Uint8Array) return value.length > 0 ? 'bytes' : 'no bytes'
  if (value instanceof nodeTls.TLSSocket || value instanceof (ownTls.TLSSocket as unknown as typeof Socket))
    return 'a TLSSocket'
  if (value instanceof Socket) return 'a Socket'
  if (value instanceof NetServer) return 'a Server'
  if (value instanceof X509Certificate) return { X509Certificate: value.subject }
  if (typeof value === 'function') return 'a function'
  if (Array.isArray(value)) return value.map(shapeOf)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(Object.entries(value).map(([name, held]) => [name, shapeOf(held)]))
}
