/** What a storing node may answer instead of a record: each is a full handshake, soon, and the next visit resumes. */
import type { ServerResponse } from 'node:http'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { ServerUnderTest } from '../../support/processes.ts'
import { Openings, openHttp, until } from '../support.ts'
import {
  expectNoSecrets,
  octets,
  outputOf,
  type PlayedAnswer,
  type PlayedNode,
  playNode,
  startFront,
} from './played-node.ts'
import { type Visit, visit } from './visitor.ts'

const openings = new Openings()
let node: PlayedNode
let patient: ServerUnderTest
let hasty: ServerUnderTest
const visits: Visit[] = []

beforeAll(async () => {
  const played = await playNode(openings)
  node = played.node
  const start = (ms: number) => startFront(played.cluster, ['--lookup-timeout', String(ms)])
  ;[patient, hasty] = await Promise.all([start(10_000), start(200)])
})
afterEach(() => {
  node.answer = undefined
})
afterAll(() => openings.release())

async function visited(...args: Parameters<typeof visit>): Promise<Visit> {
  const made = await visit(...args)
  visits.push(made)
  return made
}

/** Made, offered while the node answers so, and made anew; then all is well again. */
async function offerMeeting(answer: PlayedAnswer, server: ServerUnderTest): Promise<Visit> {
  const first = await visited(server.port)
  await node.untilStored(first.sessionId)
  const asked = node.count('GET')
  node.answer = answer
  const second = await visited(server.port, { session: first.session })
  node.answer = undefined
  // Once, and once more where the connection was closed on the way (case 30).
  expect([asked + 1, asked + 2]).toContain(node.count('GET'))
  if (second.resumed) return second
  expect(second.sessionId).not.toEqual(first.sessionId)
  await node.untilStored(second.sessionId)
  // The hasty one may be too hasty for a machine that is busy.
  const third = await visited(patient.port, { session: second.session })
  expect(third).toMatchObject({ resumed: true, reason: 'hit', sessionId: second.sessionId })
  return second
}

/** Under the 10 s that the patient server would wait, and far over what an answer takes. */
const soonMs = 9000
const page = '<html>Please log in to the network first</html>'
const bytes =
  (length: number): PlayedAnswer =>
  response =>
    response.writeHead(200, octets).end(Buffer.alloc(length, 7))

function endless(response: ServerResponse): void {
  response.writeHead(200, octets)
  const more = () => {
    while (!response.destroyed && response.write(Buffer.alloc(1000, 7)));
  }
  response.on('drain', more)
  more()
}

/** What the socket says, with nothing of node:http in it. */
const raw =
  (text: string, isEnd = true): PlayedAnswer =>
  response => {
    if (isEnd) response.socket!.end(text)
    else response.socket!.write(text)
  }

const replies: readonly [title: string, answer: PlayedAnswer][] = [
  ['case 27: a reply of 4,097 bytes', bytes(4097)],
  ['case 27: a reply of 10 MB', bytes(10_000_000)],
  ['case 27: a reply of chunks without an end', endless],
  ['case 27: a body that is cut off', raw('HTTP/1.1 200 OK\r\ncontent-length: 300\r\n\r\nabc')],
  [
    'case 28: the record as text',
    (response, stored) => response.writeHead(200, { 'content-type': 'text/plain' }).end(stored),
  ],
  ['case 28: the record without a content type', (response, stored) => response.writeHead(200).end(stored)],
  [
    'case 28: 200 from a captive portal',
    response => response.writeHead(200, { 'content-type': 'text/html' }).end(page),
  ],
  ['case 28: an empty record', bytes(0)],
  ['case 28: 204', response => response.writeHead(204).end()],
  ['case 28: 206 and the record', (response, stored) => response.writeHead(206, octets).end(stored)],
  ['case 28: 401', response => response.writeHead(401).end()],
  ['case 28: 500', response => response.writeHead(500).end(page)],
  ['case 28: 503', response => response.writeHead(503, { 'retry-after': '120' }).end()],
  ['case 28: a garbage status line', raw('HTTP/1.1 abc def\r\n\r\n')],
  ['case 28: a line that is not HTTP', raw('SSH-2.0-OpenSSH_9.2\r\n')],
  ['case 28: headers without an end', raw(`HTTP/1.1 200 OK\r\n${'x: y\r\n'.repeat(5000)}`)],
]

test.each(replies)('%s: full, reason error', async (_, answer) => {
  const startedMs = performance.now()
  expect((await offerMeeting(answer, patient)).reason).toBe('error')
  expect(performance.now() - startedMs).toBeLessThan(soonMs)
})

test('case 28: 301 is not followed', async () => {
  let followed = 0
  const elsewhere = await openHttp(openings, (_, response) => {
    followed++
    response.writeHead(200, octets).end()
  })
  const redirect: PlayedAnswer = (response, _, path) =>
    response.writeHead(301, { location: `${elsewhere}${path}` }).end()
  expect((await offerMeeting(redirect, patient)).reason).toBe('error')
  expect(followed).toBe(0)
})

test('case 27: no length, but all of the record until the end of the connection: resumed', async () => {
  const answer: PlayedAnswer = (response, stored) => {
    response.socket!.write('HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\n\r\n')
    response.socket!.end(stored!)
  }
  expect(await offerMeeting(answer, patient)).toMatchObject({ resumed: true, reason: 'hit' })
})

/** A byte every 20 ms, and with it a connection that is open as long as its server wants it. */
function drip(response: ServerResponse, head: string, body: Uint8Array): void {
  const { socket } = response
  socket!.write(head)
  let at = 0
  const timer = setInterval(() => {
    if (at < body.length) socket!.write(body.subarray(at, ++at))
  }, 20)
  socket!.once('close', () => clearInterval(timer))
}

describe('longer than the budget', () => {
  const head = 'HTTP/1.1 200 OK\r\ncontent-type: application/octet-stream\r\n'
  const slow: readonly [title: string, answer: PlayedAnswer][] = [
    [
      'case 27: no length and no end',
      (response, stored) => void response.socket!.write(`${head}\r\n${stored}`),
    ],
    [
      'case 27: slow chunks without an end',
      response =>
        drip(response, `${head}transfer-encoding: chunked\r\n\r\n`, Buffer.from('1\r\nx\r\n'.repeat(1000))),
    ],
    [
      'case 29: one byte of the record every 20 ms',
      (response, stored) => drip(response, `${head}content-length: ${stored!.length}\r\n\r\n`, stored!),
    ],
    ['case 29: one byte of the headers every 20 ms', response => drip(response, '', Buffer.from(head))],
  ]

  test.each(slow)('%s: full, reason timeout, and the connection is dropped', async (_, answer) => {
    let isDropped = false
    const watched: PlayedAnswer = (response, ...rest) => {
      response.socket!.once('close', () => {
        isDropped = true
      })
      answer(response, ...rest)
    }
    expect((await offerMeeting(watched, hasty)).reason).toBe('timeout')
    await until(() => isDropped)
  })
})

test('and no secret of any of these sessions was printed', async () => {
  expect(visits.length).toBeGreaterThan(3)
  for (const server of [patient, hasty]) expectNoSecrets(outputOf(server), visits)
})
