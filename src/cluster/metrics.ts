/**
 * What a process of a cluster tells Prometheus. Counters that exist elsewhere are read when somebody scrapes, so
 * nothing is counted twice; only handshakes and look-ups are counted here. docs/metrics.md has all names.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client'
import type { ResumptionResult } from '../handshake/effects.ts'
import type { BreakerState } from './circuit-breaker.ts'
import type { ClusterSessionCacheCounters } from './cluster-session-cache.ts'
import type { ClusterKeys } from './keys.ts'
import type { SessionNode } from './session-node.ts'
import type { MetricsSource } from './status-pages.ts'

export interface ClusterMetricsOptions {
  /** ms since 1970. */
  readonly now: () => number
  /** A registry of the application's own, when it has one; else one that holds nothing but this. */
  readonly registry?: Registry
}

/** As much of a ClusterMember as is shown. */
export interface MeasuredMember {
  readonly sessionCache: {
    readonly counters: Pick<
      ClusterSessionCacheCounters,
      'store_put_total' | 'store_delete_total' | 'forgotten'
    >
  }
  /** A store on an engine has no list of nodes that could differ. */
  readonly store: {
    readonly counters?: { readonly cluster_digest_mismatch: number }
    readonly breakers?: ReadonlyMap<string, BreakerState>
  }
  readonly keys: ClusterKeys
}

/** The metrics of one process: of its session node, of its part in a cluster, of its handshakes, or of all three. */
export class ClusterMetrics implements MetricsSource {
  readonly registry: Registry
  readonly #now: () => number
  /** Where the values of each metric come from: those of a digest come from a node and from a server. */
  readonly #readers = new Map<string, (() => readonly Sample[])[]>()
  #handshakes: Counter | undefined
  #failures: Counter | undefined
  #lookups: Histogram | undefined

  constructor({ now, registry = new Registry() }: ClusterMetricsOptions) {
    this.#now = now
    this.registry = registry
  }

  get contentType(): string {
    return this.registry.contentType
  }

  /** All of it in Prometheus' text format, as of now. */
  text(): Promise<string> {
    return this.registry.metrics()
  }

  /** Shows what a session node holds and answers. */
  watchNode(node: MeasuredNode): void {
    for (const family of nodeFamilies) this.#watch(family, node)
  }

  /** Shows what a server's part in a cluster costs, and its keys. */
  watchMember(member: MeasuredMember): void {
    for (const family of memberFamilies) this.#watch(family, member)
    this.#lookups ??= new Histogram({
      name: 'ringtls_lookup_seconds',
      help: 'How long look-ups of sessions took that went to a store, by what came of them.',
      labelNames: ['result'],
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1],
      registers: [this.registry],
    })
    this.watchKeys(member.keys)
  }

  /** Shows how old the key is that seals. */
  watchKeys(keys: ClusterKeys): void {
    this.#watch(keyEpochAge, { keys, now: this.#now })
  }

  /** Shows what comes of handshakes, each result from zero: `countHandshake` and `countFailure` count them. */
  watchHandshakes(): void {
    const registers = [this.registry]
    this.#handshakes ??= new Counter({
      name: 'ringtls_resumption_total',
      help: 'Completed handshakes, by why they resumed (hit) or did not.',
      ...{ labelNames: ['result'], registers },
    })
    for (const result of resumptionResults) this.#handshakes.inc({ result }, 0)
    this.#failures ??= new Counter({
      name: 'ringtls_handshakes_failed_total',
      help: 'Handshakes that did not come about.',
      registers,
    })
  }

  /** Counts a completed handshake by its `reason`. */
  countHandshake(reason: ResumptionResult): void {
    this.#handshakes?.inc({ result: reason })
  }

  /** Counts a handshake that failed. */
  countFailure(): void {
    this.#failures?.inc()
  }

  /** Counts a look-up by its result and its time: the option `onLookup` of ClusterSessionCache. */
  countLookup(result: ResumptionResult, ms: number): void {
    this.#lookups?.observe({ result }, ms / 1000)
  }

  /** Adds memory, event loop and garbage collection of the process: for one that has no metrics of its own. */
  watchProcess(): void {
    collectDefaultMetrics({ register: this.registry })
  }

  #watch<S>({ read, type, ...family }: Family<S>, source: S): void {
    const others = this.#readers.get(family.name)
    const readers = others ?? []
    readers.push(() => read(source))
    if (others !== undefined) return
    this.#readers.set(family.name, readers)
    const options = { labelNames: [], ...family, registers: [this.registry] }
    const samples = () => readers.flatMap(reader => reader())
    if (type === 'counter') addCounter(options, samples)
    else addGauge(options, samples)
  }
}

type Labels = Readonly<Record<string, string>>
type Sample = readonly [value: number, labels?: Labels]

/** As much of a session node as is shown. */
type MeasuredNode = Pick<SessionNode, 'counters' | 'memory'>

/** One metric, and how its values are read from `S`. */
interface Family<S> {
  readonly name: string
  readonly type: 'counter' | 'gauge'
  readonly help: string
  readonly labelNames?: readonly string[]
  read(source: S): readonly Sample[]
}

const nodeFamilies: readonly Family<MeasuredNode>[] = [
  {
    ...{ name: 'ringtls_store_entries', type: 'gauge', help: 'Sealed sessions that this node holds.' },
    read: ({ memory }) => [[memory.entries]],
  },
  {
    ...{ name: 'ringtls_store_bytes', type: 'gauge', help: 'Bytes of those sessions.' },
    read: ({ memory }) => [[memory.bytes]],
  },
  {
    ...{ name: 'ringtls_store_tombstones', type: 'gauge', help: 'Deletions that this node remembers.' },
    read: ({ memory }) => [[memory.tombstones]],
  },
  {
    name: 'ringtls_store_evictions_total',
    type: 'counter',
    help: 'Sessions that gave way to others before their time was over.',
    read: ({ memory }) => [[memory.evictions]],
  },
  {
    name: 'ringtls_store_requests_total',
    type: 'counter',
    help: 'Replies of this node, by method and status.',
    labelNames: ['method', 'status'],
    read: ({ counters }) =>
      Object.entries(counters.replies).map(([name, count]) => {
        const [method = '', status = ''] = name.split(' ')
        return [count, { method, status }]
      }),
  },
  {
    name: 'ringtls_store_unauthorized_total',
    type: 'counter',
    help: 'Requests that no server of the cluster signed for this node and this time, by what was wrong.',
    labelNames: ['reason'],
    read: ({ counters }) => samplesBy('reason', counters.unauthorized),
  },
  {
    name: 'ringtls_store_refused_connections_total',
    type: 'counter',
    help: 'Connections that got no reply: one too many, or TLS that failed.',
    labelNames: ['reason'],
    read: ({ counters }) => samplesBy('reason', counters.refused_connections),
  },
  digestMismatch<MeasuredNode>('node', ({ counters }) => counters.cluster_digest_mismatch),
]

const memberFamilies: readonly Family<MeasuredMember>[] = [
  {
    name: 'ringtls_store_put_total',
    type: 'counter',
    help: 'Sessions handed to the store, by what came of it.',
    labelNames: ['result'],
    read: ({ sessionCache }) => samplesBy('result', sessionCache.counters.store_put_total),
  },
  {
    name: 'ringtls_store_delete_total',
    type: 'counter',
    help: 'Deletions handed to the store, by what came of it.',
    labelNames: ['result'],
    read: ({ sessionCache }) => samplesBy('result', sessionCache.counters.store_delete_total),
  },
  {
    name: 'ringtls_sessions_forgotten_total',
    type: 'counter',
    help: 'Sessions forgotten since a fatal alert ended a connection of theirs.',
    read: ({ sessionCache }) => [[sessionCache.counters.forgotten]],
  },
  {
    name: 'ringtls_breaker_state',
    type: 'gauge',
    help: 'Whether a session node, or a server of an engine, is asked: 0 closed, it is; 1 half open, one request tries; 2 open, it is not.',
    labelNames: ['node'],
    read: ({ store }) =>
      [...(store.breakers ?? [])].map(([node, state]) => [breakerStates.indexOf(state), { node }]),
  },
  digestMismatch<MeasuredMember>('server', ({ store }) => store.counters?.cluster_digest_mismatch),
]

const keyEpochAge: Family<{ readonly keys: ClusterKeys; readonly now: () => number }> = {
  name: 'ringtls_key_epoch_age_seconds',
  type: 'gauge',
  help: 'For how long the key that seals has been in use: it is to be rotated.',
  read: ({ keys, now }) => {
    const nowMs = now()
    const current = keys.current(nowMs)
    return current === undefined ? [] : [[(nowMs - current.notBeforeMs) / 1000]]
  },
}

/** By the number that stands for each. */
const breakerStates: readonly BreakerState[] = ['closed', 'half_open', 'open']

const resumptionResults: readonly ResumptionResult[] = [
  ...(['hit', 'no_id', 'miss', 'expired', 'foreign_id', 'epoch', 'auth', 'policy'] as const),
  ...(['server_name', 'ems', 'suite', 'timeout', 'breaker', 'error'] as const),
]

function digestMismatch<S>(seenBy: 'node' | 'server', read: (source: S) => number | undefined): Family<S> {
  return {
    name: 'ringtls_cluster_digest_mismatch_total',
    type: 'counter',
    help: 'Requests (seen by a node) and replies (seen by a server) of processes with another cluster_info.',
    labelNames: ['seen_by'],
    read: source => {
      const count = read(source)
      return count === undefined ? [] : [[count, { seen_by: seenBy }]]
    },
  }
}

function samplesBy(label: string, counts: Readonly<Record<string, number>>): readonly Sample[] {
  return Object.entries(counts).map(([word, count]) => [count, { [label]: word }])
}

interface MetricOptions {
  readonly name: string
  readonly help: string
  readonly labelNames: readonly string[]
  readonly registers: Registry[]
}

function addCounter(options: MetricOptions, samples: () => readonly Sample[]): void {
  new Counter({
    ...options,
    collect() {
      this.reset()
      for (const [value, labels = {}] of samples()) this.inc(labels, value)
    },
  })
}

function addGauge(options: MetricOptions, samples: () => readonly Sample[]): void {
  new Gauge({
    ...options,
    collect() {
      this.reset()
      const found = samples()
      // Without labels, a reset is a zero, and where there is nothing to say a zero is too much.
      if (found.length + options.labelNames.length === 0) this.remove()
      for (const [value, labels = {}] of found) this.set(labels, value)
    },
  })
}
