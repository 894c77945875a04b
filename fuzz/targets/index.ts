import type fc from 'fast-check'
import * as clientHello from './client-hello.ts'
import * as handshake from './handshake.ts'
import * as record from './record.ts'
import * as sessionRecord from './session-record.ts'

/** One thing to fuzz. `run` throws when a property does not hold for these bytes. */
export interface FuzzTarget {
  readonly name: string
  readonly seeds: readonly Uint8Array[]
  readonly arbitrary: fc.Arbitrary<Uint8Array>
  run(bytes: Uint8Array): void
}

export const targets: readonly FuzzTarget[] = [clientHello, handshake, record, sessionRecord]
