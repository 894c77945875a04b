import fc from 'fast-check'
import { type Command, type Kind, kinds } from './commands.ts'

const server = fc.nat(2)
const choice = fc.nat(15)
const command: fc.Arbitrary<Command> = fc.record({
  kind: fc.constantFrom(...kinds),
  server,
  other: server,
  choice,
})

const step = (kind: Kind, at: Partial<Command> = {}): Command => ({
  ...{ kind, server: 0, other: 0, choice: 0 },
  ...at,
})

interface Cast {
  readonly one: number
  readonly two: number
  readonly choice: number
}

/** What is dangerous and would seldom be drawn. */
const passages: readonly ((cast: Cast) => readonly Command[])[] = [
  // A write that is on its way for longer than its server waits for it, and meets the deletion.
  ({ one: server }) => [
    ...[step('slow', { server, choice: 7 }), step('connect', { server }), step('fatal'), step('settle')],
  ],
  // A deletion that does not reach everybody.
  ({ one: server, two: other }) => [
    ...[step('connect', { server }), step('settle'), step('cut', { server, other })],
    ...[step('fatal'), step('settle'), step('heal')],
  ],
  // A session with little time left, and clocks that differ.
  ({ one, two }) => [
    ...[step('connect', { server: one }), step('settle'), step('wait', { choice: 12 })],
    step('skew', { server: two, choice: 7 }),
  ],
  ({ one, two }) => [
    ...[step('connect', { server: one }), step('settle'), step('skew', { server: two, choice: 4 })],
  ],
  // The key that sealed it is succeeded, for some servers.
  ({ one, choice }) => [
    ...[step('connect', { server: one }), step('settle'), step('rotate', { choice })],
    step('wait', { choice: 10 }),
  ],
  // Nodes that answer with the records of others.
  ({ one, two }) => [
    ...[step('connect', { server: one }), step('connect', { server: two }), step('settle')],
    ...[0, 1, 2].map(other => step('garbage', { other })),
  ],
  // A node that is not there, often enough for breakers to open.
  ({ one, two }) => [
    step('crash', { server: one }),
    ...Array.from({ length: 5 }, () => step('connect', { server: two })),
    step('settle'),
  ],
  // Other terms than those it was made under.
  ({ one, choice }) => [
    step('connect', { server: one, choice: 8 }),
    ...[step('settle'), step('policy', { server: one, other: choice & 1, choice: choice < 8 ? 3 : choice })],
  ],
  // A client who shows who he is.
  ({ one, choice }) => [
    step('policy', { other: 1, choice: 2 + (choice & 1) }),
    ...[step('connect', { server: one, choice: choice & 8 }), step('settle')],
  ],
  // Two clients of two servers at once.
  ({ one, two }) => [step('connect', { server: one }), step('resume', { server: two, choice: 15 })],
]

/** A passage, and a client who comes back after it. */
const passage: fc.Arbitrary<readonly Command[]> = fc
  .tuple(fc.record({ one: server, two: server, choice }), fc.constantFrom(...passages), server, choice)
  .map(([cast, steps, at, how]) => [...steps(cast), step('resume', { server: at, choice: how })])

/** What happens to a cluster in a run. */
export const commands: fc.Arbitrary<readonly Command[]> = fc
  .array(fc.oneof({ weight: 4, arbitrary: command.map(one => [one]) }, { weight: 1, arbitrary: passage }), {
    minLength: 5,
    maxLength: 20,
    size: 'max',
  })
  .map(list => list.flat())
