/** BoringSSL's runner: built from a checkout that the user names, asked for its tests, and run on some of them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** One test, as `list-tests.go` tells of it. */
export interface ListedTest {
  readonly name: string
  /** The function of the runner that makes it: `Basic` of addBasicTests(). */
  readonly group: string
  readonly protocol: 'TLS' | 'DTLS' | 'QUIC'
  readonly connections: readonly ListedConnection[]
  readonly flags: readonly string[] | null
}

/** What the runner's side of a connection can do, and the version that must come out; 0 for the lowest, the highest, or any. */
export interface ListedConnection {
  readonly minVersion: number
  readonly maxVersion: number
  readonly expectedVersion: number
}

/** Of a checkout. */
export const runnerFolder = 'ssl/test/runner'

const listTestsPath = fileURLToPath(new URL('list-tests.go', import.meta.url))
const listVariable = 'RINGTLS_LIST_TESTS'

/**
 * Builds the runner of the checkout `dir` with Go and returns the path of the program, in `workDir`. The checkout stays as it is: the
 * list of tests is added by an overlay (`go help build`).
 */
export async function buildRunner(dir: string, workDir: string): Promise<string> {
  const packageDir = resolve(dir, runnerFolder)
  const main = join(packageDir, 'runner.go')
  mkdirSync(workDir, { recursive: true })
  const patched = join(workDir, 'runner.go')
  writeFileSync(patched, withList(readFileSync(main, 'utf8')))
  const overlay = join(workDir, 'overlay.json')
  const replaced = { [main]: patched, [join(packageDir, 'ringtls_list_tests.go')]: listTestsPath }
  writeFileSync(overlay, JSON.stringify({ Replace: replaced }))
  const program = join(workDir, 'runner')
  await run('go', ['test', '-c', '-overlay', overlay, '-o', program, '.'], { cwd: packageDir })
  return program
}

/** The runner's main program with the names of its groups, and a way out before the first test. */
function withList(source: string): string {
  const grouped = source.replace(/^\tadd(\w+?)Tests\(\)$/gm, '$&\n\tgroupTests("$1")')
  const listed = grouped.replace(
    /^\tcheckTests\(\)$/m,
    `$&\n\tif os.Getenv("${listVariable}") != "" {\n\t\tlistTests()\n\t\treturn\n\t}`,
  )
  if (grouped === source || listed === grouped)
    throw new Error('this runner is not laid out as its list of tests needs it: see test/bogo/runner.ts')
  return listed
}

/** All tests there are, some 8,000. */
export async function listTests(program: string, shimPath: string): Promise<ListedTest[]> {
  const env = { ...environment(program), [listVariable]: '1' }
  const output = await run(program, ['-shim-path', shimPath], { env })
  return output
    .split('\n')
    .filter(line => line.startsWith('{'))
    .map(line => JSON.parse(line) as ListedTest)
}

/** The runner leaves its certificates behind when a test failed: they go with the folder that it is in. */
function environment(program: string): NodeJS.ProcessEnv {
  return { ...process.env, TMPDIR: dirname(program) }
}

/** How a test ended; `unimplemented` is the shim's exit status 89. */
export interface TestResult {
  readonly name: string
  readonly outcome: 'passed' | 'failed' | 'unimplemented'
  /** Of a test that failed: what came and what was wanted. */
  readonly report: string
}

export interface RunSetup {
  readonly program: string
  readonly shimPath: string
  readonly configPath: string
  readonly workers: number
  readonly names: readonly string[]
  /** Also those that the config disables. */
  readonly includesDisabled: boolean
  /** Called as each test ends. */
  readonly onResult: (result: TestResult) => void
}

/** A minute, four times the runner's own: a busy machine is no failure. */
const idleTimeout = '60s'

/** Longest argument that Linux takes is 128 KiB: so many names go into one run. */
const namesPerRun = 1000

/** Runs tests by their exact names. */
export async function runTests(setup: RunSetup): Promise<void> {
  const { program, shimPath, configPath, workers, names, includesDisabled, onResult } = setup
  for (let i = 0; i < names.length; i += namesPerRun) {
    const selected = names.slice(i, i + namesPerRun).map(escapeGlob)
    const options = ['-shim-path', shimPath, '-shim-config', configPath, '-num-workers', String(workers)]
    options.push('-idle-timeout', idleTimeout)
    if (includesDisabled) options.push('-include-disabled')
    const args = [...options, '-pipe', '-allow-unimplemented', '-test', selected.join(';')]
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'], env: environment(program) })
    const exited = once(child, 'exit')
    await readResults(createInterface({ input: child.stdout }), onResult)
    await exited
  }
}

/** `-test` takes globs, and a name may have a bracket in it. */
function escapeGlob(name: string): string {
  return name.replace(/[[\]*?\\]/g, '\\$&')
}

const outcomes = { PASSED: 'passed', FAILED: 'failed', UNIMPLEMENTED: 'unimplemented' } as const

/** A line `FAILED (Name)` begins a result; what follows up to the next one is its report. */
async function readResults(lines: AsyncIterable<string>, onResult: RunSetup['onResult']): Promise<void> {
  let last: { name: string; outcome: TestResult['outcome']; report: string[] } | undefined
  const settle = () => last && onResult({ ...last, report: last.report.join('\n').trim() })
  for await (const line of lines) {
    const match = /^(PASSED|FAILED|UNIMPLEMENTED) \((.+)\)$/.exec(line)
    if (match) {
      settle()
      last = { name: match[2]!, outcome: outcomes[match[1] as keyof typeof outcomes], report: [] }
    } else {
      last?.report.push(line)
    }
  }
  settle()
}

interface ProgramOptions {
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
}

async function run(command: string, args: readonly string[], options: ProgramOptions): Promise<string> {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'inherit'] })
  const chunks: Buffer[] = []
  child.stdout.on('data', chunk => chunks.push(chunk))
  const [code] = await once(child, 'close')
  if (code !== 0) throw new Error(`${command} ended with status ${code}`)
  return Buffer.concat(chunks).toString()
}
