/** P2 for a whole connection: whatever comes in whatever order, it answers with Steps and throws nothing but ApiMisuse. */
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Connection, type Step } from '../../src/connection/connection.ts'
import { ApiMisuse, TlsError } from '../../src/errors.ts'
import type { ClientConfig, CommonConfig, ServerConfig } from '../../src/handshake/config.ts'
import type { Effect } from '../../src/handshake/effects.ts'
import { nobleProvider } from '../../src/providers/noble/index.ts'
import { filled } from '../support/by-hand.ts'
import { identity } from '../support/identities.ts'
import { connectPair, seededRandom, testCertifiedKey, testNowMs } from '../support/pair.ts'
import { sessionId, sessionOf } from '../support/scenes.ts'

/** Handshakes that are the same each time: PKCS #1 signs without randomness. */
interface Flow {
  readonly name: string
  readonly both: Partial<CommonConfig>
  readonly client: Partial<ClientConfig>
  readonly server: Partial<ServerConfig>
}
const flows: readonly Flow[] = [
  {
    name: 'RSA key exchange',
    both: { cipherSuites: ['TLS_RSA_WITH_AES_128_GCM_SHA256'] },
    client: {},
    server: {},
  },
  {
    name: 'ECDHE with a client certificate and a ticket',
    both: {
      cipherSuites: ['TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256'],
      signatureSchemes: ['rsa_pkcs1_sha256'],
    },
    client: { tickets: true },
    server: { clientAuth: 'require', sealTicket: () => filled(99, 7) },
  },
]

const commonOf = (role: 'client' | 'server', { both }: Flow) => ({
  provider: nobleProvider,
  random: seededRandom(`totality ${role}`),
  now: () => testNowMs,
  ...both,
})

function connectionOf(role: 'client' | 'server', flow: Flow): Connection {
  const common = commonOf(role, flow)
  return new Connection(
    role === 'server'
      ? { ...common, role, drawSessionId: random => random(32), ...flow.server }
      : { ...common, role, serverName: 'localhost', ...flow.client },
  )
}

/** What the other side once said, as whole records to play in any order. */
function recordsOf({ both, client, server }: Flow) {
  const recorded = connectPair({
    seed: 'totality',
    client: { ...both, ...client },
    server: { ...both, ...server },
    serverAnswers: { selectCertificate: () => testCertifiedKey() },
    clientAnswers: { selectCertificate: () => identity('client-rsa') },
  })
  return { server: recorded.client.sent, client: recorded.server.sent }
}

const edits = fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 3 })
const operation = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('start' as const) }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('record' as const), index: fc.nat(9), edits }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('next' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('bytes' as const), bytes: fc.uint8Array({ maxLength: 60 }) }),
  },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('answer' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('stale' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('refuse' as const), withTlsError: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('write' as const), bytes: fc.uint8Array({ maxLength: 40 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('close' as const, 'end' as const, 'abort' as const) }),
  },
)
type Operation = typeof operation extends fc.Arbitrary<infer T> ? T : never

class Player {
  readonly connection: Connection
  readonly #role: 'client' | 'server'
  readonly #records: readonly Uint8Array[]
  #open: Effect | undefined
  #stale: Effect | undefined
  #next = 0

  constructor(role: 'client' | 'server', flow: Flow, records: ReturnType<typeof recordsOf>) {
    this.#role = role
    this.#records = records[role]
    this.connection = connectionOf(role, flow)
  }

  /** One call; returns its Step, or the ApiMisuse it was. */
  play(operation: Operation): Step | ApiMisuse | undefined {
    try {
      const step = this.#call(operation)
      if (step) {
        if (this.#open && this.#open !== step.effect) this.#stale = this.#open
        this.#open = step.effect
      }
      return step
    } catch (error) {
      if (error instanceof ApiMisuse) return error
      throw error
    }
  }

  #call(operation: Operation): Step | undefined {
    const { connection } = this
    const records = this.#records
    switch (operation.do) {
      case 'start':
        return connection.start()
      case 'next':
        return connection.receive(records[this.#next++ % records.length]!)
      case 'record': {
        const bytes = records[operation.index % records.length]!.slice()
        for (const [at, value] of operation.edits) bytes[at % bytes.length] = value
        return connection.receive(bytes)
      }
      case 'bytes':
        return connection.receive(operation.bytes)
      case 'answer':
        return this.#open && this.#answer(this.#open)
      case 'stale':
        return this.#stale && this.#answer(this.#stale)
      case 'refuse': {
        const reason = operation.withTlsError ? new TlsError('UNKNOWN_CA', 'x') : new Error('x')
        return this.#open && connection.refuse(this.#open, reason)
      }
      case 'write':
        return connection.write(operation.bytes)
      case 'close':
        return connection.close()
      case 'end':
        return connection.end()
      case 'abort':
        connection.abort()
        return undefined
    }
  }

  #answer(effect: Effect): Step {
    switch (effect.kind) {
      case 'selectPolicy':
        return this.connection.answer(effect, { policyHash: filled(16, 0), resumable: true })
      case 'lookupSession':
        return this.connection.answer(
          effect,
          'sessionId' in effect && effect.sessionId[0] === sessionId[0]
            ? { session: sessionOf() }
            : { miss: 'miss' },
        )
      case 'selectCertificate':
        return this.connection.answer(
          effect,
          this.#role === 'server' ? testCertifiedKey() : identity('client-rsa'),
        )
      case 'decryptPreMaster': {
        const block = effect.key.decryptRaw?.(effect.ciphertext)
        return this.connection.answer(effect, block instanceof Promise ? undefined : block)
      }
      case 'sign':
        return this.connection.answer(effect, effect.key.sign(effect.scheme, effect.content) as Uint8Array)
      case 'verifyCertificate': {
        const key = effect.chain[0]?.subjectPublicKey
        if (!key || key.type === 'unsupported') return this.connection.refuse(effect, new Error('no key'))
        return this.connection.answer(effect, { publicKey: key, verified: true })
      }
    }
  }
}

const roles = ['server', 'client'] as const
const cases = flows.flatMap(flow => {
  const records = recordsOf(flow)
  return roles.map(role => ({ role, flow, records, name: flow.name }))
})

test.each(cases)('$role, $name: any calls in any order', ({ role, flow, records }) => {
  const reached = new Set<string>()
  const property = fc.property(
    fc.boolean(),
    fc.array(operation, { maxLength: 40 }),
    (startsWell, operations) => {
      const player = new Player(role, flow, records)
      if (startsWell) player.play({ do: 'start' })
      let isOver = false
      for (const each of operations) {
        const result = player.play(each)
        const { state } = player.connection
        reached.add(state)
        if (!isOver) {
          isOver = state === 'closed' || state === 'failed'
          continue
        }
        // Over is over: no state but its own, nothing to send, nothing to tell, nothing to ask.
        expect(['closed', 'failed']).toContain(state)
        if (result && !(result instanceof ApiMisuse))
          expect(result).toEqual({ outgoing: [], events: [], effect: undefined })
      }
    },
  )
  fc.assert(property, { numRuns: 500 })
  expect([...reached]).toEqual(expect.arrayContaining(['handshaking', 'failed']))
})

test.each(cases)('$role, $name: raw bytes', ({ role, flow }) => {
  const property = fc.property(fc.array(fc.uint8Array({ maxLength: 200 }), { maxLength: 8 }), chunks => {
    const connection = connectionOf(role, flow)
    connection.start()
    for (const chunk of chunks) connection.receive(chunk)
  })
  fc.assert(property, { numRuns: 500 })
})

test.each(cases)(
  '$role, $name: the recorded flow itself ends open: what is played is not all refused at once',
  ({ role, flow, records }) => {
    const player = new Player(role, flow, records)
    player.play({ do: 'start' })
    for (let i = 0; i < records[role].length; i++) {
      player.play({ do: 'next' })
      for (let answers = 0; answers < 5; answers++) player.play({ do: 'answer' })
    }
    expect(player.connection.state).toBe('open')
  },
)
