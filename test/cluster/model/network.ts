/** The wire between the servers and the session nodes: every message is a task of the scheduler, and faults are put on the links. */
import type { ClusterNode } from '../../../src/cluster/cluster-info.ts'
import {
  ConnectionClosed,
  type NodeReply,
  type NodeRequest,
  type NodeTransport,
} from '../../../src/cluster/node-transport.ts'
import { StoreFailure } from '../../../src/cluster/session-store.ts'
import { requestAt } from './in-memory-http.ts'
import { setTimeout } from './virtual-time.ts'

/** As fast-check's is: it chooses which of the tasks that wait goes next. */
export interface Scheduler {
  schedule(task: Promise<void>, label: string): Promise<void>
  count(): number
  waitOne(): Promise<void>
}

/** What a node that lies says; mostly the record of another session. */
export const garbageKinds = [
  ...(['another', 'another', 'another', 'random', 'flipped'] as const),
  ...(['cut', 'empty', 'status', 'missing', 'gone'] as const),
] as const
export type Garbage = (typeof garbageKinds)[number]

const never = new Promise<never>(() => {})

/** A server from its start to its end; another one starts in its place. */
export interface RunningServer {
  readonly id: string
  isUp: boolean
}

/** What the model knows of one storage key, seen from outside: by the requests and replies that went over the wire. */
interface Trace {
  /** Nodes that a PUT was ever sent to, acknowledged or not. */
  readonly sentTo: Set<string>
  /** Nodes that acknowledged a DELETE and still run. */
  readonly deletedAt: Set<string>
  /** Since which step every node of `sentTo` has the tombstone. */
  revokedSince: number | undefined
  record: Uint8Array | undefined
}

export class Network {
  readonly #scheduler: Scheduler
  readonly #traces = new Map<string, Trace>()
  /** `server>node` where nothing gets through. */
  readonly #cut = new Set<string>()
  /** Delays of the next messages that a server sends, ms. */
  readonly #slow = new Map<string, number[]>()
  /** Whose next answer is a connection that was closed. */
  readonly #resets = new Set<string>()
  readonly #garbage = new Map<string, Garbage>()
  /** Look-ups under way: `server key` and the steps they began at. */
  readonly #readsUnderWay = new Map<string, number[]>()
  /** The last step at which a server was told that a key is deleted. */
  readonly #toldGone = new Map<string, number>()
  /** Counts what happens, so that one can say what was first. */
  step = 0
  requests = 0

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler
  }

  /** What a server sends by, as long as it runs. */
  transportOf(server: RunningServer): NodeTransport {
    return {
      send: (node, request, end) =>
        server.isUp ? Promise.race([this.#send(server, node, { ...request, end }), aborted(end)]) : never,
      keepOnly: () => {},
      close: async () => {},
    }
  }

  cut(server: string, node: string): void {
    this.#cut.add(`${server}>${node}`)
  }

  slowDown(server: string, delayMs: number): void {
    this.#slow.set(server, [...(this.#slow.get(server) ?? []), delayMs])
  }

  reset(server: string, node: string): void {
    this.#resets.add(`${server}>${node}`)
  }

  garble(node: string, garbage: Garbage): void {
    this.#garbage.set(node, garbage)
  }

  heal(): void {
    this.#cut.clear()
    this.#slow.clear()
    this.#resets.clear()
    this.#garbage.clear()
  }

  /** A node that restarts is empty: its tombstones are gone too. */
  restarted(node: string): void {
    for (const trace of this.#traces.values()) {
      trace.deletedAt.delete(node)
      this.#judgeRevoked(trace)
    }
  }

  /** When the look-up began that an answer to this server's question of now would rest on. */
  lookupStep(server: string, key: string): number {
    return Math.min(this.step, ...(this.#readsUnderWay.get(`${server} ${key}`) ?? []))
  }

  isRevoked(key: string, beforeStep: number): boolean {
    const since = this.#traces.get(key)?.revokedSince
    return since !== undefined && since <= beforeStep
  }

  wasToldGone(server: string, key: string, afterStep: number): boolean {
    return (this.#toldGone.get(`${server} ${key}`) ?? -1) > afterStep
  }

  async #send(
    server: RunningServer,
    node: ClusterNode,
    request: NodeRequest & { readonly end: AbortSignal },
  ) {
    this.requests++
    const key = request.path.split('/').at(-1)!
    const trace = this.#traceOf(key)
    if (request.method === 'PUT') this.#sent(trace, node.id, request.body!)
    if (request.method === 'GET') this.#startReading(`${server.id} ${key}`, request.end)
    const label = `${server.id}>${node.id} ${request.method} ${key.slice(0, 6)}`
    await this.#travel(server.id, node.id, label)
    const reply = await requestAt(Number(new URL(node.url).port), request)
    this.step++
    if (reply === undefined) throw new StoreFailure('error', `node ${node.id}: ECONNREFUSED`)
    if (request.method === 'DELETE' && reply.status === 204) this.#deleted(trace, node.id)
    const heard = this.#garbled(node.id, key, reply)
    await this.#travel(server.id, node.id, `${label} ${heard.status}`)
    if (!server.isUp) await never
    if (this.#resets.delete(`${server.id}>${node.id}`))
      throw new ConnectionClosed('error', `node ${node.id}: ECONNRESET`)
    if (request.method === 'GET') this.#stopReading(`${server.id} ${key}`)
    if (request.method === 'GET' && heard.status === 410) this.#toldGone.set(`${server.id} ${key}`, this.step)
    return heard
  }

  /** One way. A message on a link that is cut never arrives. */
  async #travel(server: string, node: string, label: string): Promise<void> {
    const delayMs = this.#slow.get(server)?.shift() ?? 0
    if (delayMs > 0) await new Promise<void>(resolve => setTimeout(resolve, delayMs))
    await this.#scheduler.schedule(Promise.resolve(), label)
    this.step++
    if (this.#cut.has(`${server}>${node}`)) await never
  }

  #traceOf(key: string): Trace {
    const trace = this.#traces.get(key) ?? {
      sentTo: new Set(),
      deletedAt: new Set(),
      revokedSince: undefined,
      record: undefined,
    }
    this.#traces.set(key, trace)
    return trace
  }

  #sent(trace: Trace, node: string, record: Uint8Array): void {
    trace.record = record
    trace.sentTo.add(node)
    this.#judgeRevoked(trace)
  }

  #deleted(trace: Trace, node: string): void {
    trace.deletedAt.add(node)
    this.#judgeRevoked(trace)
  }

  #judgeRevoked(trace: Trace): void {
    const isRevoked = trace.deletedAt.size > 0 && [...trace.sentTo].every(node => trace.deletedAt.has(node))
    trace.revokedSince = isRevoked ? (trace.revokedSince ?? this.step) : undefined
  }

  /** Until it is answered or its time is over. */
  #startReading(name: string, end: AbortSignal): void {
    this.#readsUnderWay.set(name, [...(this.#readsUnderWay.get(name) ?? []), this.step])
    end.addEventListener('abort', () => this.#stopReading(name), { once: true })
  }

  /** The oldest one: which it was does not matter, the others began later. */
  #stopReading(name: string): void {
    this.#readsUnderWay.get(name)?.shift()
  }

  /** What a node that lies makes of its answer to a GET. It does not bring back what was deleted: only a record in another's place. */
  #garbled(node: string, key: string, reply: NodeReply): NodeReply {
    const garbage = this.#garbage.get(node)
    if (garbage === undefined || (reply.status !== 200 && reply.status !== 404)) return reply
    const { body } = reply
    const record = { ...reply, status: 200, contentType: 'application/octet-stream' }
    switch (garbage) {
      case 'another':
        return { ...record, body: this.#anotherRecord(key) ?? body }
      case 'random':
        return { ...record, body: body.map((_, i) => (i * 151) & 255) }
      case 'flipped':
        return { ...record, body: body.map((byte, i) => (i === 40 ? byte ^ 1 : byte)) }
      case 'cut':
        return { ...record, body: body.slice(0, 60) }
      case 'empty':
        return { ...record, body: new Uint8Array(0) }
      case 'status':
        return { ...reply, status: 503, body: new Uint8Array(0) }
      case 'missing':
        return { ...reply, status: 404, body: new Uint8Array(0) }
      case 'gone':
        return { ...reply, status: 410, body: new Uint8Array(0) }
    }
  }

  /** The newest record of another session. */
  #anotherRecord(key: string): Uint8Array | undefined {
    return [...this.#traces].findLast(([other, { record }]) => other !== key && record !== undefined)?.[1]
      .record
  }
}

function aborted(end: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = () => reject(new StoreFailure('timeout', 'aborted'))
    if (end.aborted) abort()
    else end.addEventListener('abort', abort, { once: true })
  })
}
