import type { RequestListener } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { surveyNodes } from '../../src/cluster/node-survey.ts'
import { Clock, Openings, openCluster, openHttp, openTcp, startMs, testInfo } from './support.ts'

const openings = new Openings()
afterEach(() => openings.release())

/** Nobody here is slow but who is meant to be. */
const timeoutMs = 10_000
const clock = new Clock()

const healthy = {
  status: 'ok',
  node: 'n0',
  revision: 3,
  digest: 'd'.repeat(43),
  placement: 'ring',
  entries: 7,
  bytes: 99,
}

/** How the survey sees a node n0 that answers so. */
async function surveyed(listener: RequestListener, more: { timeoutMs?: number; now?: () => number } = {}) {
  const url = await openHttp(openings, listener)
  const options = { timeoutMs, now: clock.now, ...more }
  const [seen] = await surveyNodes(testInfo([{ id: 'n0', url }]), options)
  const { answer, detail, health, clockAheadMs, clockErrorMs } = seen!
  return { answer, detail, health, clockAheadMs, clockErrorMs }
}

const says =
  (body: unknown, status = 200): RequestListener =>
  (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json' })
    response.end(typeof body === 'string' ? body : JSON.stringify(body))
  }

describe('a node that answers', () => {
  test('is up, and all that it says of itself is there', async () => {
    const { clock, info, nodes } = await openCluster(openings, 3)
    clock.nowMs = startMs + 5
    const seen = await surveyNodes(info, { timeoutMs, now: clock.now })
    expect(seen.map(({ node, answer, detail }) => [node.id, answer, detail])).toEqual([
      ['n0', 'up', ''],
      ['n1', 'up', ''],
      ['n2', 'up', ''],
    ])
    const { status: _, ...said } = nodes[1]!.health
    expect(seen[1]!.health).toEqual(said)
    expect([seen[1]!.clockAheadMs, seen[1]!.clockErrorMs]).toEqual([0, 0])
  })

  test('has the clock that it says, in the middle of the time that the request took', async () => {
    const times = [startMs, startMs + 800]
    const said = { ...healthy, nowMs: startMs + 400 - 6000 }
    const { clockAheadMs, clockErrorMs } = await surveyed(says(said), { now: () => times.shift() ?? 0 })
    expect([clockAheadMs, clockErrorMs]).toEqual([-6000, 400])
  })

  test('is asked whatever its state, and a long list all at once in its order', async () => {
    let asked = 0
    const url = new URL(
      await openHttp(openings, (request, response) => {
        asked++
        says({ status: 'ok' })(request, response)
      }),
    )
    const nodes = Array.from({ length: 150 }, (_, i) => ({
      id: `n${i}`,
      url: `http://127.0.0.${i + 1}:${url.port}`,
      state: (['active', 'draining', 'down'] as const)[i % 3],
    }))
    const seen = await surveyNodes(testInfo(nodes), { timeoutMs: 2000, now: clock.now })
    expect(seen.map(({ node }) => node.id)).toEqual(nodes.map(({ id }) => id))
    expect([asked, seen[0]!.answer]).toEqual([1, 'up'])
  })
})

describe('what a node says', () => {
  test('is taken where it can be meant, and left out where it cannot', async () => {
    const { answer, health } = await surveyed(
      says({
        ...healthy,
        ...{
          revision: '3',
          digest: '\u001b[31mred',
          placement: 7,
          entries: -1,
          bytes: 1.5,
          epochs: [1, 'x'],
        },
        ...{ currentEpoch: {}, nowMs: null, version: 'v'.repeat(65), more: 'to come' },
      }),
    )
    expect([answer, health]).toEqual(['up', { node: 'n0' }])
  })

  test('may be that no epoch has begun', async () => {
    const { health } = await surveyed(says({ ...healthy, epochs: [2], currentEpoch: null }))
    expect(health).toMatchObject({ epochs: [2], currentEpoch: null })
  })
})

describe('who is not up', () => {
  test.each<[string, string, RequestListener]>([
    ['draining', 'it shuts down', says({ status: 'draining' }, 503)],
    ['unclear', 'status 503', says('', 503)],
    ['unclear', 'status 404', says(healthy, 404)],
    [
      'unclear',
      'status 302',
      (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
    ],
    ['unclear', 'status 200 without a state: an older node, or no node at all', says('')],
    ['unclear', 'status 200 without a state: an older node, or no node at all', says('<html>log in</html>')],
    ['unclear', 'status 200 without a state: an older node, or no node at all', says([])],
    ['unclear', 'it says that it is n7', says({ ...healthy, node: 'n7' })],
    ['unclear', 'it says that it is no node', says({ ...healthy, node: null })],
    ['down', 'no answer (UND_ERR_RES_EXCEEDED_MAX_SIZE)', says('x'.repeat(20_000))],
    ['down', 'no answer (UND_ERR_SOCKET)', (_, response) => response.destroy()],
  ])('is %s: %s', async (answer, detail, listener) => {
    expect(await surveyed(listener)).toMatchObject({ answer, detail, health: {} })
  })

  test('is refused where nobody listens, and down where nobody answers in time', async () => {
    const silent = await openTcp(openings, () => {})
    const gone = await openTcp(openings, socket => socket.destroy())
    const closing = new Openings()
    const free = await openTcp(closing, () => {})
    await closing.release()
    const nodes = [silent, free, gone].map((url, i) => ({ id: `n${i}`, url }))
    const seen = await surveyNodes(testInfo(nodes), { timeoutMs: 300, now: clock.now })
    expect(seen.map(({ answer, detail, clockAheadMs }) => [answer, detail, clockAheadMs])).toEqual([
      ['down', 'no answer within 300 ms', undefined],
      ['refused', 'nobody listens there', undefined],
      ['down', 'no answer (UND_ERR_SOCKET)', undefined],
    ])
  })

  test('keeps nobody waiting who drips', async () => {
    const drip: RequestListener = (_, response) => {
      response.writeHead(200)
      const timer = setInterval(() => response.write(' '), 20)
      response.on('close', () => clearInterval(timer))
    }
    expect(await surveyed(drip, { timeoutMs: 300 })).toMatchObject({
      answer: 'down',
      detail: 'no answer within 300 ms',
    })
  })
})
