/** The programs of test/protocols/programs, each in a process of its own, on node:tls or on ours in its place. */
import { spawn } from 'node:child_process'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { onTestFinished } from 'vitest'

/** Whose TLS a program runs on, without knowing it. */
export type Tls = 'node' | 'ours'
export const tlsOfBoth = ['node', 'ours'] as const

/** One line of a program. */
export type Line = { readonly event: string } & Readonly<Record<string, unknown>>

export interface Program {
  /** All it has said so far. */
  readonly lines: readonly Line[]
  /** Waits for the `count`th line of a kind, the first by default; rejects when the program ends before. */
  line(event: string, count?: number): Promise<Line>
  /** All it said, once it has ended by itself; rejects when it failed or took longer than it may. */
  ended(): Promise<readonly Line[]>
}

const file = (name: string) => fileURLToPath(new URL(`programs/${name}.ts`, import.meta.url))
const preload = pathToFileURL(file('as-node-tls')).href

/** Long enough for two busy cores; who takes longer hangs. */
const deadlineMs = 60_000

/** Starts a program; it does not outlive the test. */
export function startProgram(name: string, tls: Tls, wanted: object): Program {
  const imports = ['--import', 'tsx', ...(tls === 'ours' ? ['--import', preload] : [])]
  const child = spawn(process.execPath, [...imports, file(name), JSON.stringify(wanted)], {
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: deadlineMs,
    killSignal: 'SIGKILL',
  })
  let [stdout, stderr] = ['', '']
  const lines: Line[] = []
  const waiting = new Set<() => void>()
  const wake = () => {
    for (const resolve of waiting) resolve()
    waiting.clear()
  }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    const complete = (stdout + text).split('\n')
    stdout = complete.pop()!
    lines.push(...complete.map(line => JSON.parse(line) as Line))
    wake()
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text
  })
  let end: string | undefined
  const closed = new Promise<void>(resolve =>
    child.once('close', (code, signal) => {
      end = signal ?? String(code)
      wake()
      resolve()
    }),
  )
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await closed
  })
  const failure = () =>
    new Error(`${name} on ${tls} ended with ${end}: ${JSON.stringify(lines)}\n${stdout}${stderr}`)
  return {
    lines,
    async line(event, count = 1) {
      for (;;) {
        const found = lines.filter(line => line.event === event)[count - 1]
        if (found) return found
        if (end !== undefined) throw failure()
        await new Promise<void>(resolve => waiting.add(resolve))
      }
    },
    async ended() {
      await closed
      if (end !== '0' || stderr !== '') throw failure()
      return lines
    },
  }
}

/** Runs a program to its end. */
export function runProgram(name: string, tls: Tls, wanted: object): Promise<readonly Line[]> {
  return startProgram(name, tls, wanted).ended()
}
