import type { ClusterLog } from '../cluster/index.ts'
import { oneLine } from './failures.ts'

/** What a command prints: for people a line of text, for programs (`--json`) one object a line. */
export interface Printed {
  readonly json: { readonly event: string }
  /** Left out where the object has nothing to say to people. */
  readonly text?: string
}

/** Where a command prints to. Text and objects go to stdout, errors and notes to stderr, a line each. */
export interface Output {
  readonly isJson: boolean
  print(printed: Printed): void
  /** A line on stderr, in either form: something people should know, and no result. */
  note(line: string): void
}

/** The output of a command that was or was not given `--json`. With a `log`, stderr is the log's, and notes are lines of it. */
export function createOutput({
  json = false,
  log,
}: {
  json?: boolean | undefined
  log?: ClusterLog | undefined
}): Output {
  return {
    isJson: json,
    print: ({ json: object, text }) => {
      if (json) process.stdout.write(`${JSON.stringify(object)}\n`)
      else if (text !== undefined) process.stdout.write(`${text}\n`)
    },
    note: line => {
      if (log) log.warn({}, oneLine(line))
      else process.stderr.write(`ringtls: ${oneLine(line)}\n`)
    },
  }
}

const progressMs = 1500

/** Runs `work`, and says on stderr what takes so long, and how far it is, when people would begin to wonder. */
export async function withProgress<T>(
  output: Output,
  what: string | (() => string),
  work: Promise<T>,
): Promise<T> {
  const startedMs = Date.now()
  const text = () => (typeof what === 'string' ? what : what())
  const tell = () => output.note(`${text()}, ${((Date.now() - startedMs) / 1000).toFixed(1)} s so far`)
  const timer = setInterval(tell, progressMs)
  try {
    return await work
  } finally {
    clearInterval(timer)
  }
}

type Style = 'bold' | 'green' | 'red' | 'dim'
const styles: Readonly<Record<Style, readonly [number, number]>> = {
  bold: [1, 22],
  green: [32, 39],
  red: [31, 39],
  dim: [2, 22],
}

/** Colours a text for a terminal; left as it is when stdout is piped or NO_COLOR is set (no-color.org). */
export function styled(style: Style, text: string): string {
  const isColoured = process.stdout.isTTY === true && !process.env.NO_COLOR
  const [on, off] = styles[style]
  return isColoured ? `\u001b[${on}m${text}\u001b[${off}m` : text
}

/** Milliseconds as people and programs like them: two decimals. */
export function roundMs(ms: number): number {
  return Math.round(ms * 100) / 100
}
