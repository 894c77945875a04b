import type fc from 'fast-check'
import * as clientHello from './client-hello.ts'
import * as cluster from './cluster.ts'
import * as handshake from './handshake.ts'
import * as record from './record.ts'
import * as sessionRecord from './session-record.ts'

/** One thing to fuzz. `run` throws, or rejects, when a property does not hold for these bytes. */
export interface FuzzTarget {
  readonly name: string
  readonly seeds: readonly Uint8Array[]
  readonly arbitrary: fc.Arbitrary<Uint8Array>
  run(bytes: Uint8Array): void | Promise<void>
  /** How many drawn inputs the tests can afford; a thousand by default. */
  readonly runsInTests?: number
}

export const targets: readonly FuzzTarget[] = [clientHello, handshake, record, sessionRecord, cluster]
