import type { HandshakeReport } from '../../node/index.ts'
import { type Output, styled } from '../output.ts'

/** One step of the story, as `--json` prints it. */
export interface StepEvent {
  readonly event: 'step'
  readonly step: number
  readonly title: string
  readonly server: string | null
  readonly owner: string | null
  readonly handshake: 'full' | 'resumed'
  readonly reason: string
  /** The RFC's names of all messages, in order, each with who sent it. */
  readonly messages: readonly { readonly sender: 'client' | 'server'; readonly message: string }[]
  /** As the client counts them, until the handshake's end. */
  readonly bytesIn: number
  readonly bytesOut: number
  readonly ms: number
  readonly lookupMs: number | null
  /** Whether it came out as the method says; `problems` tells in what it did not. */
  readonly ok: boolean
  readonly problems: readonly string[]
}

const columns = [
  ['handshake', 11],
  ['reason', 12],
  ['server', 8],
  ['owner', 7],
  ['messages', 10],
  ['bytes in', 10],
  ['out', 6],
  ['look-up ms', 12],
  ['ms', 7],
] as const

/** The line above all steps. */
export function printHeading(output: Output): void {
  if (output.isJson) return
  const line = columns.map(([name, width]) => name.padEnd(width)).join('')
  process.stdout.write(`   ${styled('dim', line.trimEnd())}\n`)
}

/** Prints a step: what happened, and below it what came of it. */
export function printStep(output: Output, step: StepEvent): void {
  const { handshake, reason, server, owner, messages, bytesIn, bytesOut, lookupMs, ms } = step
  const cells = [handshake, reason, server, owner, messages.length, bytesIn, bytesOut, lookupMs, ms]
  const row = cells.map((cell, i) => String(cell ?? '-').padEnd(columns[i]![1])).join('')
  const verdict = step.ok
    ? styled('green', 'ok')
    : styled('red', `NOT as the method says: ${step.problems.join('; ')}`)
  const title = `${String(step.step).padStart(2)} ${styled('bold', step.title)}`
  output.print({ json: step, text: `${title}\n   ${row}${verdict}` })
}

/** The RFC's name of a message: client_hello is ClientHello. */
export function messageName(type: HandshakeReport['messages'][number]['type']): string {
  return type.replace(/(?:^|_)(.)/g, (_, letter: string) => letter.toUpperCase())
}

/** A handshake in the layout of RFC 5246 figures 1 and 2. */
export function printFigure(output: Output, { messages }: StepEvent): void {
  if (output.isJson) return
  const lines = messages.map(({ sender, message }, i) => {
    const isLast = messages[i + 1]?.sender !== sender
    if (sender === 'client') return `${message.padEnd(22)}${isLast ? '-------->' : ''}`
    return `${' '.repeat(22)}${isLast ? '<--------' : ' '.repeat(9)}${message.padStart(22)}`
  })
  process.stdout.write(`${lines.map(line => `      ${styled('dim', line.trimEnd())}\n`).join('')}`)
}
