/** A storing node that the test plays, and real server processes that keep their sessions there. */
import { createCipheriv, createDecipheriv, createHmac } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { type ServerUnderTest, startListening, temporaryDirectory } from '../../support/processes.ts'
import { derivedKey, keysText, type Openings, openHttp, until } from '../support.ts'

export type PlayedAnswer = (response: ServerResponse, stored: Buffer | undefined, path: string) => void

export const octets = { 'content-type': 'application/octet-stream' }

/** Stores what comes, gives it back, and says something else where a test wants it to. */
export class PlayedNode {
  /** Sealed records by path. */
  readonly records = new Map<string, Buffer>()
  /** `GET /v1/sessions/...` and so on, those of a server's start not among them. */
  readonly requests: string[] = []
  /** What a look-up is answered with in place of the record. */
  answer: PlayedAnswer | undefined

  readonly listener = (request: IncomingMessage, response: ServerResponse): void => {
    const { method = '', url = '' } = request
    const parts: Buffer[] = []
    request.on('data', (part: Buffer) => parts.push(part))
    request.on('end', () => {
      this.requests.push(`${method} ${url}`)
      if (method === 'GET') this.#read(response, url)
      else {
        if (method === 'PUT') this.records.set(url, Buffer.concat(parts))
        else this.records.delete(url)
        response.writeHead(204).end()
      }
    })
  }

  /** How often it was asked for something. */
  count(method: 'GET' | 'PUT' | 'DELETE'): number {
    return this.requests.filter(request => request.startsWith(method)).length
  }

  /** The sealed record of a session. */
  recordOf(sessionId: Uint8Array): Buffer {
    return this.records.get(pathOf(sessionId)) ?? expect.fail('the session is not stored')
  }

  /** Nobody waits for a PUT: here somebody does. */
  async untilStored(sessionId: Uint8Array): Promise<Buffer> {
    const path = pathOf(sessionId)
    await until(() => this.records.has(path))
    return this.records.get(path)!
  }

  #read(response: ServerResponse, path: string): void {
    const stored = this.records.get(path)
    if (this.answer) return this.answer(response, stored, path)
    if (stored) response.writeHead(200, octets).end(stored)
    else response.writeHead(404).end()
  }
}

/** As epoch-keys.ts documents it, over node:crypto: HMAC-SHA256 of the ID under the epoch's look-up key. */
export function storageKeyOf(sessionId: Uint8Array): Buffer {
  return createHmac('sha256', derivedKey(1, 'lookup')).update(sessionId).digest()
}

export const pathOf = (sessionId: Uint8Array): string =>
  `/v1/sessions/${storageKeyOf(sessionId).toString('base64url')}`

const [headBytes, nonceBytes, tagBytes] = [5, 12, 16] as const

/** What is in a record: `u8 version | u32 epoch | 12 nonce | ciphertext | 16 tag`, AES-256-GCM under the seal key. */
export function unseal(record: Buffer, sessionId: Uint8Array): Buffer {
  const head = record.subarray(0, headBytes)
  const nonce = record.subarray(headBytes, headBytes + nonceBytes)
  const opening = createDecipheriv('aes-256-gcm', derivedKey(1, 'seal'), nonce)
  opening.setAAD(Buffer.concat([head, storageKeyOf(sessionId)]))
  opening.setAuthTag(record.subarray(-tagBytes))
  return Buffer.concat([opening.update(record.subarray(headBytes + nonceBytes, -tagBytes)), opening.final()])
}

/** Whatever bytes, under a seal that is good. */
export function seal(plaintext: Uint8Array, sessionId: Uint8Array): Buffer {
  const head = Buffer.from([1, 0, 0, 0, 1])
  const nonce = Buffer.alloc(nonceBytes, 7)
  const sealing = createCipheriv('aes-256-gcm', derivedKey(1, 'seal'), nonce)
  sealing.setAAD(Buffer.concat([head, storageKeyOf(sessionId)]))
  const ciphertext = Buffer.concat([sealing.update(plaintext), sealing.final()])
  return Buffer.concat([head, nonce, ciphertext, sealing.getAuthTag()])
}

export const fixtureFile = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/${name}`, import.meta.url))

export const certificateArgs = (name: string): readonly string[] => [
  '--cert',
  fixtureFile(`${name}.pem`),
  '--key',
  fixtureFile(`${name}.key`),
]

/** The files of a cluster with these nodes, under the keys of support.ts. */
export function clusterFiles(nodes: readonly object[], more: object = {}): readonly string[] {
  const directory = temporaryDirectory()
  const [info, keys] = [join(directory, 'cluster.json'), join(directory, 'cluster.key')]
  writeFileSync(info, JSON.stringify({ revision: 1, nodes, ...more }))
  writeFileSync(keys, keysText([{ epoch: 1 }]), { mode: 0o600 })
  return ['--cluster', info, '--cluster-key', keys]
}

/** A server process: all its sessions are owned by another node of the list than itself. */
export function startFront(
  cluster: readonly string[],
  args: readonly string[] = [],
): Promise<ServerUnderTest> {
  const identity = args.includes('--cert') ? [] : certificateArgs('server')
  const budget = args.includes('--lookup-timeout') ? [] : ['--lookup-timeout', '5000']
  const usual = ['server', '--listen', '127.0.0.1:0', '--no-store', '--node', 'front']
  return startListening([...usual, ...cluster, ...identity, ...budget, ...args])
}

/** Nodes `front`, where nobody listens and no session goes, and `store`, which the test plays. */
export async function playNode(
  openings: Openings,
): Promise<{ node: PlayedNode; cluster: readonly string[] }> {
  const node = new PlayedNode()
  const url = await openHttp(openings, node.listener)
  const nodes = [
    { id: 'front', url: 'http://127.0.0.1:9', state: 'active' },
    { id: 'store', url },
  ]
  return { node, cluster: clusterFiles(nodes) }
}

/** The secrets of sessions are in nothing that was said: neither whole nor by half, in no spelling. */
export function expectNoSecrets(
  said: string,
  sessions: readonly { readonly sessionId: Uint8Array; readonly masterSecret: Uint8Array }[],
): void {
  const text = said.replace(/\s+/g, ' ')
  for (const { sessionId, masterSecret } of sessions) {
    for (const secret of [sessionId, masterSecret])
      for (const spelling of spellingsOf(secret))
        expect(text.includes(spelling), 'a secret was said').toBe(false)
  }
}

/** How bytes get into a text; the first half, as base64 goes on by three. */
export function spellingsOf(secret: Uint8Array): readonly string[] {
  const half = Buffer.from(secret.subarray(0, Math.floor(secret.length / 6) * 3))
  const hex = half.toString('hex')
  return [
    ...[hex, hex.toUpperCase(), hex.replace(/..(?!$)/g, '$& ')],
    ...[half.toString('base64'), half.toString('base64url'), half.toString('latin1')],
    ...[half.join(','), half.join(', ')],
  ]
}

/** Everything that a server has printed, events and errors. */
export const outputOf = (server: ServerUnderTest): string => JSON.stringify(server.events) + server.stderr()
