/** One script of tlsfuzzer, run as the program it is. */
import { spawn } from 'node:child_process'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { argumentsOf, type Entry, type List } from './list.ts'
import { type Counts, countsOf, type FailedConversation, failedConversations } from './output.ts'
import type { Target } from './servers.ts'

const seedDirectory = fileURLToPath(new URL('seed', import.meta.url))

const defaultTimeoutSeconds = 120

/** Between asking a script that takes too long to stop, and making it. */
const killGraceMs = 5000

/** The checkouts, and how to call them. */
export interface Kit {
  /** Checkout of tlsfuzzer. */
  readonly tlsfuzzer: string
  /** Checkout of tlslite-ng. */
  readonly tlslite: string
  /** The interpreter. */
  readonly python: string
  /** Fixes which conversations a script samples. */
  readonly seed: number
}

/** How a script went. */
export type Status = 'pass' | 'fail' | 'timeout' | 'no-summary' | 'no-server' | 'server-gone'

/** A script that was run, or could not be. */
export interface Result {
  readonly entry: Entry
  readonly status: Status
  readonly seconds: number
  readonly counts: Counts | undefined
  readonly failed: readonly FailedConversation[]
  /** All that the script printed. */
  readonly output: string
}

/** Runs a script to its end, or to its timeout. */
export async function runScript(
  entry: Entry,
  run: { kit: Kit; target: Target; variables: List['variables']; without: ReadonlySet<string> },
): Promise<Result> {
  const { kit, target } = run
  const script = join(resolve(kit.tlsfuzzer), 'scripts', entry.script)
  const address = ['-h', target.host, '-p', String(target.port)]
  const startMs = performance.now()
  const ended = await runToEnd([kit.python, '-u', script, ...address, ...argumentsOf(entry, run)], {
    kit,
    timeoutMs: (entry.timeout ?? defaultTimeoutSeconds) * 1000,
  })
  const counts = countsOf(ended.output)
  return {
    ...{ entry, counts, output: ended.output, failed: failedConversations(ended.output) },
    seconds: (performance.now() - startMs) / 1000,
    status: statusOf(entry, ended, counts),
  }
}

interface Ended {
  readonly exitCode: number | null
  readonly isTimedOut: boolean
  readonly output: string
}

function statusOf(entry: Entry, { exitCode, isTimedOut }: Ended, counts: Counts | undefined): Status {
  if (isTimedOut) return 'timeout'
  if (exitCode !== (entry.expect ?? 0)) return 'fail'
  // A script that ends well without having counted anything has not judged anything.
  return counts || entry.no_summary ? 'pass' : 'no-summary'
}

function runToEnd(
  [command, ...args]: readonly string[],
  { kit, timeoutMs }: { kit: Kit; timeoutMs: number },
): Promise<Ended> {
  const child = spawn(command!, args, {
    cwd: kit.tlsfuzzer,
    env: {
      ...process.env,
      PYTHONPATH: [seedDirectory, resolve(kit.tlslite), resolve(kit.tlsfuzzer)].join(':'),
      PYTHONWARNINGS: 'ignore',
      PYTHONHASHSEED: '0',
      RINGTLS_TLSFUZZER_SEED: String(kit.seed),
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const chunks: Buffer[] = []
  child.stdout.on('data', chunk => chunks.push(chunk))
  child.stderr.on('data', chunk => chunks.push(chunk))
  let isTimedOut = false
  let killer: NodeJS.Timeout | undefined
  const timer = setTimeout(() => {
    isTimedOut = true
    child.kill()
    killer = setTimeout(() => child.kill('SIGKILL'), killGraceMs)
  }, timeoutMs)
  return new Promise(resolve => {
    const end = (exitCode: number | null, problem = '') => {
      clearTimeout(timer)
      clearTimeout(killer)
      resolve({ exitCode, isTimedOut, output: Buffer.concat(chunks).toString('utf8') + problem })
    }
    child.once('error', error => end(null, `\n${error}\n`))
    child.once('close', code => end(code))
  })
}
