/** The cluster: any bytes are things that happen to it, and the order in which its messages arrive (test/cluster/model). */
import fc from 'fast-check'
import { concatBytes } from '../../src/bytes.ts'
import { runOf } from '../../test/cluster/model/byte-scheduler.ts'
import { loadModel, type Model } from '../../test/cluster/model/load.ts'

export const name = 'cluster'
/** A run takes some ten milliseconds. */
export const runsInTests = 10

/** Nothing but time, and a run in which each kind of command has its turn. */
export const seeds: Uint8Array[] = [
  Uint8Array.of(0),
  Uint8Array.from({ length: 141 }, (_, i) => (i === 0 ? 40 : (i * 89) & 255)),
]

export const arbitrary: fc.Arbitrary<Uint8Array> = fc
  .tuple(fc.uint8Array({ maxLength: 255, size: 'max' }), fc.uint8Array({ maxLength: 120, size: 'max' }))
  .map(([order, commands]) => concatBytes(Uint8Array.of(order.length), order, commands))

let model: Promise<Model> | undefined

/** Rejects when a rule of test/cluster/model/rules.ts is broken. */
export async function run(bytes: Uint8Array): Promise<void> {
  model ??= loadModel()
  const { runModel } = await model
  const { commands, scheduler } = runOf(bytes)
  await runModel(commands, scheduler)
}
