/** `npm run bogo`: BoringSSL's test runner against the shim of this folder. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { bundleShim } from './bundle.ts'
import { configPath, matchesGlob, readConfig, reasonDisabled } from './disabled.ts'
import { countByGroup, countByReason, reasonTableOf, staleGlobs, tableOf, totalOf } from './report.ts'
import { buildRunner, type ListedTest, listTests, runnerFolder, runTests, type TestResult } from './runner.ts'
import { isInScope } from './scope.ts'

const usage = `Usage: npm run bogo -- --runner DIR [--test GLOB]... [--list] [--include-disabled] [--workers N] [--shard I/N] [--json FILE]

Runs BoringSSL's tests of TLS 1.2 over a stream against ringtls and prints how many passed, by group. DIR is a checkout of
BoringSSL; its runner is built with Go into a temporary folder. Exit status 0 when none failed and none is left out without a
reason in test/bogo/config.json.`

const options = {
  runner: { type: 'string' },
  test: { type: 'string', multiple: true, default: [] as string[] },
  list: { type: 'boolean', default: false },
  'include-disabled': { type: 'boolean', default: false },
  workers: { type: 'string', default: String(availableParallelism()) },
  shard: { type: 'string', default: '0/1' },
  json: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

type Values = ReturnType<typeof parseArgs<{ options: typeof options }>>['values']

async function main(): Promise<number> {
  const { values } = parseArgs({ options })
  if (values.help || !values.runner) {
    console.log(usage)
    return values.help ? 0 : 2
  }
  if (!existsSync(join(values.runner, runnerFolder))) {
    console.error(`bogo: ${values.runner} is no checkout of BoringSSL: it has no folder ${runnerFolder}`)
    return 2
  }
  const workDir = mkdtempSync(join(tmpdir(), 'ringtls-bogo-'))
  try {
    return await runAll(values.runner, workDir, values)
  } finally {
    rmSync(workDir, { recursive: true, force: true })
  }
}

async function runAll(dir: string, workDir: string, values: Values): Promise<number> {
  const shimPath = await bundleShim(workDir)
  const program = await buildRunner(dir, workDir)
  const inScope = (await listTests(program, shimPath)).filter(isInScope)
  const config = readConfig()
  const isDisabled = (name: string) =>
    !values['include-disabled'] && reasonDisabled(config, name) !== undefined
  const tests = inScope.filter(({ name }, i) => isWanted(values, name, i))
  const names = tests.map(({ name }) => name).filter(name => !isDisabled(name))
  if (values.list) {
    for (const name of names) console.log(name)
    return 0
  }
  const setup = { program, shimPath, configPath, workers: Number(values.workers), names }
  const results = await runWithProgress({ ...setup, includesDisabled: values['include-disabled'] })
  return report({ dir, inScope, tests, results, isDisabled, json: values.json })
}

function isWanted({ test: globs, shard }: Values, name: string, index: number): boolean {
  const [own = 0, all = 1] = shard.split('/').map(Number)
  return index % all === own && (globs.length === 0 || globs.some(glob => matchesGlob(glob, name)))
}

type Setup = Omit<Parameters<typeof runTests>[0], 'onResult'>

async function runWithProgress(setup: Setup): Promise<Map<string, TestResult>> {
  const results = new Map<string, TestResult>()
  const onResult = (result: TestResult) => {
    results.set(result.name, result)
    if (result.outcome === 'failed') console.log(`FAILED ${result.name}\n${indented(result.report)}`)
    if (results.size % 100 === 0) console.error(`${results.size} of ${setup.names.length}`)
  }
  await runTests({ ...setup, onResult })
  return results
}

function indented(text: string): string {
  return text.replace(/^/gm, '  ')
}

interface Finished {
  readonly dir: string
  readonly inScope: readonly ListedTest[]
  readonly tests: readonly ListedTest[]
  readonly results: ReadonlyMap<string, TestResult>
  readonly isDisabled: (name: string) => boolean
  readonly json: string | undefined
}

function report({ dir, inScope, tests, results, isDisabled, json }: Finished): number {
  const config = readConfig()
  const rows = countByGroup(tests, results, isDisabled)
  const total = totalOf(rows)
  const ran = [...results.values()]
  const left = tests.filter(({ name }) => !isDisabled(name) && !results.has(name)).map(({ name }) => name)
  if (json !== undefined) {
    const disabled = Object.fromEntries(countByReason(config, tests))
    const commit = commitOf(dir)
    writeFileSync(
      json,
      `${JSON.stringify({ commit, total, groups: rows, disabled, results: ran }, null, 2)}\n`,
    )
  }
  for (const { name, outcome } of ran) if (outcome === 'unimplemented') console.log(`UNIMPLEMENTED ${name}`)
  for (const name of left) console.log(`NOT RUN ${name}`)
  for (const glob of staleGlobs(config, inScope)) console.log(`STALE ${glob}`)
  console.log(tableOf(rows))
  const notRun = tests.filter(({ name }) => isDisabled(name))
  if (notRun.length > 0) console.log(`\n${reasonTableOf(countByReason(config, notRun))}\n`)
  console.log(
    `${percent(total.passed, tests.length)} % of ${tests.length} passed, BoringSSL ${commitOf(dir)}`,
  )
  return total.failed + total.unimplemented + left.length === 0 ? 0 : 1
}

function percent(part: number, whole: number): string {
  return ((100 * part) / Math.max(1, whole)).toFixed(1)
}

function commitOf(dir: string): string {
  try {
    return execFileSync('git', ['-C', dir, 'rev-parse', 'HEAD'], { stdio: ['ignore', 'pipe', 'ignore'] })
      .toString()
      .trim()
  } catch {
    return 'of a folder that is no git checkout'
  }
}

process.exitCode = await main()
