import { Connection } from '../../src/connection/connection.ts'
import type { Answers } from '../../src/driver/driver.ts'
import type { SessionCache } from '../../src/driver/session-cache.ts'
import type { ServerConfig } from '../../src/handshake/config.ts'
import type { Lookup } from '../../src/handshake/effects.ts'
import { nobleProvider } from '../../src/providers/noble/index.ts'
import { Secret } from '../../src/secret.ts'
import type { Session } from '../../src/session/session.ts'
import { Side, seededRandom, testCertifiedKey, testNowMs } from './pair.ts'
import type { VirtualTimers } from './virtual-timers.ts'

/** A session cache that says what a test wants and remembers what it was told. */
export class FakeCache implements SessionCache {
  readonly loaded: string[] = []
  readonly saved: { readonly id: string; readonly session: Session; readonly masterSecret: string }[] = []
  readonly forgotten: string[] = []
  signal: AbortSignal | undefined
  answer: () => Lookup | Promise<Lookup>

  constructor(answer: () => Lookup | Promise<Lookup> = () => ({ miss: 'miss' })) {
    this.answer = answer
  }

  drawId(random: (length: number) => Uint8Array): Uint8Array {
    return random(32)
  }

  load(id: Uint8Array, signal: AbortSignal): Lookup | Promise<Lookup> {
    this.loaded.push(hexOf(id))
    this.signal = signal
    return this.answer()
  }

  save(id: Uint8Array, session: Session): void {
    this.saved.push({
      id: hexOf(id),
      session: { ...session },
      masterSecret: hexOf(session.masterSecret.reveal()),
    })
  }

  forget(id: Uint8Array): void {
    this.forgotten.push(hexOf(id))
  }
}

export const hexOf = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex')

/** The same session with a secret of its own, as a cache must give it. */
export const lookupOf = (session: Session): Lookup => ({
  session: { ...session, masterSecret: new Secret(session.masterSecret.reveal().slice()) },
})

export interface FakeServerOptions {
  readonly cache: FakeCache
  readonly config?: Partial<ServerConfig>
  readonly answers?: Partial<Answers>
  readonly timers?: VirtualTimers
  readonly seed?: string
}

/** A server whose sessions a FakeCache keeps. */
export function serverWith({
  cache,
  config,
  answers,
  timers,
  seed = 'fake server',
}: FakeServerOptions): Side {
  const connection = new Connection({
    role: 'server',
    provider: nobleProvider,
    random: seededRandom(seed),
    now: () => testNowMs,
    drawSessionId: random => cache.drawId(random),
    ...config,
  })
  const all: Answers = { selectCertificate: () => testCertifiedKey(), sessionCache: cache, ...answers }
  return new Side(connection, all, timers)
}
