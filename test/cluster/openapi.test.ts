import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { membershipOf } from '../../src/cluster/membership.ts'
import {
  createSessionNode,
  type SessionNode,
  type SessionNodeLimits,
} from '../../src/cluster/session-node.ts'
import { OpenApi, type Operation } from '../support/openapi.ts'
import { type Answer, type Ask, exchange, keyPath, NodeClient, parseResponse } from './node-client.ts'
import { Clock, Openings, provider, smallMemory, testInfo, testKeys, until } from './support.ts'

const text = readFileSync(new URL('../../docs/session-node.openapi.yaml', import.meta.url), 'utf8')
const openApi = new OpenApi(parse(text))

const openings = new Openings()
afterEach(() => openings.release())

/** A node, a client, and what the document says of each of its replies. */
interface Watched {
  readonly node: SessionNode
  readonly port: number
  readonly client: NodeClient
  /** Asks, and fails when the reply is not documented. */
  ask(wanted: Ask): Promise<Answer>
}

async function openWatched(wanted: Partial<SessionNodeLimits> = {}): Promise<Watched> {
  const clock = new Clock()
  const membership = membershipOf(testInfo([{ id: 'a', url: 'http://127.0.0.1:1' }]), provider)
  const limits = { ...smallMemory, ...wanted }
  const node = createSessionNode({
    membership,
    nodeId: 'a',
    keys: testKeys(),
    provider,
    now: clock.now,
    limits,
  })
  openings.add(() => node.close(0))
  const { port } = await node.listen('127.0.0.1', 0)
  const client = new NodeClient({ port, clock, nodeId: 'a', digest: membership.digest })
  return { node, port, client, ask: async wanted => documented(wanted, await client.ask(wanted)) }
}

/** The reply, if it is one of those that the document has for this request. */
function documented({ method = 'GET', path = keyPath(1) }: Ask, answer: Answer): Answer {
  const found = openApi.find(method, path)
  const where =
    answer.status === 431
      ? { component: 'notARequest' }
      : typeof found === 'string'
        ? { component: found }
        : { operation: found }
  const outcome = { status: answer.status, faults: openApi.violations(answer, where) }
  const expected = found === 'noSuchPath' ? 404 : found === 'noSuchMethod' ? 405 : expect.any(Number)
  expect({ request: `${method} ${path}`, ...outcome }).toEqual({
    request: `${method} ${path}`,
    status: answer.status === 431 ? 431 : expected,
    faults: [],
  })
  return answer
}

const record = Buffer.from('a sealed record')
const putting: Ask = { method: 'PUT', body: record, lifetime: '600000' }
const tooLong = Buffer.alloc(4097, 1)
const unsigned = { authorization: undefined }

/** A request of `method` to a node that has no room for another nonce. */
async function whenFull(wanted: Ask): Promise<Answer> {
  const { ask } = await openWatched({ maxNonces: 1 })
  await ask({})
  return ask(wanted)
}

/** A request whose first half was sent before the node began to shut down. */
async function whenDraining(method: 'GET' | 'HEAD'): Promise<Answer> {
  const { node, port, ask } = await openWatched()
  const socket = connect(port, '127.0.0.1')
  const said = new Promise<string>((resolve, reject) => {
    let all = ''
    socket.on('data', data => {
      all += data
    })
    socket.on('close', () => resolve(all))
    socket.on('error', reject)
  })
  socket.write(`${method} /healthz HTTP/1.1\r\n`)
  // Answered after that, so the node has read that: a connection it has read nothing from is idle, and dropped.
  await ask({})
  const closed = node.close(5000)
  await until(() => node.address() === undefined)
  socket.write('host: a\r\n\r\n')
  const answer = parseResponse(await said)
  await closed
  return documented({ method, path: '/healthz' }, answer)
}

/** How to come by every documented reply. */
const provoked: Readonly<Record<string, (watched: Watched) => Promise<Answer>>> = {
  'readSession 200': async ({ ask }) => {
    await ask(putting)
    return ask({})
  },
  'readSession 401': ({ ask }) => ask(unsigned),
  'readSession 404': ({ ask }) => ask({}),
  'readSession 410': async ({ ask }) => {
    await ask({ method: 'DELETE' })
    return ask({})
  },
  'readSession 413': ({ ask }) => ask({ body: tooLong }),
  'readSession 503': () => whenFull({}),
  'storeSession 204': ({ ask }) => ask(putting),
  'storeSession 400': ({ ask }) => ask({ ...putting, lifetime: '0' }),
  'storeSession 401': ({ ask }) => ask({ ...putting, ...unsigned }),
  'storeSession 409': async ({ ask }) => {
    await ask(putting)
    return ask({ ...putting, body: Buffer.from('other bytes') })
  },
  'storeSession 410': async ({ ask }) => {
    await ask({ method: 'DELETE' })
    return ask(putting)
  },
  'storeSession 413': ({ ask }) => ask({ ...putting, body: tooLong }),
  'storeSession 415': ({ ask }) => ask({ ...putting, contentType: 'text/plain' }),
  'storeSession 503': () => whenFull(putting),
  'forgetSession 204': ({ ask }) => ask({ method: 'DELETE' }),
  'forgetSession 401': ({ ask }) => ask({ method: 'DELETE', ...unsigned }),
  'forgetSession 413': ({ ask }) => ask({ method: 'DELETE', body: tooLong }),
  'forgetSession 503': () => whenFull({ method: 'DELETE' }),
  'health 200': ({ ask }) => ask({ path: '/healthz', ...unsigned }),
  'health 503': () => whenDraining('GET'),
  'healthHead 200': ({ ask }) => ask({ method: 'HEAD', path: '/healthz', ...unsigned }),
  'healthHead 503': () => whenDraining('HEAD'),
  'metrics 200': ({ ask }) => ask({ path: '/metrics', ...unsigned }),
  'metricsHead 200': ({ ask }) => ask({ method: 'HEAD', path: '/metrics', ...unsigned }),
}

describe('docs/session-node.openapi.yaml', () => {
  test('is sound in itself', () => {
    expect(openApi.faults()).toEqual([])
  })

  test.each(
    openApi.operations.flatMap(operation =>
      operation.statuses.map((status): [string, number, Operation] => [operation.id, status, operation]),
    ),
  )('%s: %i comes from a running node as documented', async (id, status, operation) => {
    const answer = await provoked[`${id} ${status}`]!(await openWatched())
    expect(answer.status).toBe(status)
    expect(openApi.violations(answer, { operation })).toEqual([])
  })

  test('has every reply that these tests know how to provoke', () => {
    const documented = openApi.operations.flatMap(({ id, statuses }) =>
      statuses.map(status => `${id} ${status}`),
    )
    expect(Object.keys(provoked).sort()).toEqual(documented.sort())
  })

  test('has whatever a node answers to any method, path, signature, body, type and lifetime', async () => {
    const { ask, node } = await openWatched()
    const paths = [
      keyPath(1),
      '/healthz',
      '/metrics',
      '/',
      `${keyPath(1)}x`,
      '/healthz?',
      '/v1/sessions/../healthz',
    ]
    let asked = 2
    const askAll = async (wanted: Ask, bodies: readonly (Uint8Array | undefined)[]) => {
      for (const body of bodies)
        for (const lifetime of wanted.method === 'PUT' ? [undefined, '600000', 'x'] : [undefined]) {
          await ask({ ...wanted, ...(body && { body }), ...(lifetime && { lifetime }) })
          asked++
        }
    }
    for (const method of ['GET', 'HEAD', 'PUT', 'DELETE', 'POST', 'OPTIONS', 'PROPFIND']) {
      for (const path of paths) await askAll({ method, path }, [undefined, tooLong])
      for (const signed of [{}, unsigned, { key: Buffer.alloc(32) }])
        await askAll({ method, ...signed }, [record, Buffer.alloc(0), tooLong])
    }
    await ask({ ...putting, path: keyPath(2), contentType: 'text/plain' })
    await ask({ authorization: 'x'.repeat(9000) })
    expect(Object.values(node.counters.replies).reduce((sum, count) => sum + count)).toBe(asked)
  })

  test.each([
    ['400', 'not HTTP\r\n\r\n', {}],
    ['400', 'GET / HTTP/1.1\r\n\r\n', {}],
    ['408', 'GET / HTT', { requestTimeoutMs: 100 }],
    ['431', `GET / HTTP/1.1\r\nx: ${'x'.repeat(9000)}\r\n\r\n`, {}],
  ])('has the %s of what is no request', async (status, bytes, limits) => {
    const { port } = await openWatched(limits)
    const answer = parseResponse(await exchange(port, bytes))
    expect(answer.status).toBe(Number(status))
    expect(openApi.violations(answer, { component: 'notARequest' })).toEqual([])
  })
})
