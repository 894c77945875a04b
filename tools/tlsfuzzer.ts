/** `npm run tlsfuzzer`: starts a server for each profile and runs a list of tlsfuzzer's scripts against them. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import {
  argumentsOf,
  type Entry,
  type List,
  ListError,
  missingNeeds,
  readList,
} from '../test/tlsfuzzer/list.ts'
import { progressLines, runAsJson, type Skipped, summaryLines } from '../test/tlsfuzzer/report.ts'
import { type Kit, type Result, runScript, type Status } from '../test/tlsfuzzer/script.ts'
import {
  clientAuthoritiesOf,
  profileArgs,
  type RunningServer,
  startServer,
  type Target,
} from '../test/tlsfuzzer/servers.ts'

const usage = `Usage: npm run tlsfuzzer -- --dir DIR --tlslite DIR [options]
Runs scripts of tlsfuzzer, an external program, against ringtls servers on loopback.
  --dir DIR           a checkout of tlsfuzzer
  --tlslite DIR       a checkout of tlslite-ng
  --list FILE         which scripts, with which arguments (default: test/tlsfuzzer/list.json)
  --without WORDS     features the server lacks, joined by commas: what needs one is skipped (default: the
                      words that docs/conformance.md defends)
  --only TEXT         only entries whose id has TEXT in it; may be repeated
  --feature NAME      only entries of a feature; may be repeated
  --target P=HOST:PORT  for profile P, a server that runs already instead of one of ours; may be repeated
  --jobs N            scripts at once (default: 2)
  --seed N            fixes which conversations a script samples (default: 1)
  --json FILE         the results, as JSON
  --logs DIR          the whole output of each script
  --python FILE       an interpreter with ecdsa, six and gmpy2 (default: /usr/bin/python3)
Exit status: 0 when every script that ran passed, 1 when one did not, 2 on a usage error.`

/** What this server does not do, each word defended in docs/conformance.md. */
const defaultWithout = 'aesccm,x448,renegotiation,sslv2-hello'

const options = {
  dir: { type: 'string' },
  tlslite: { type: 'string' },
  list: { type: 'string', default: fileURLToPath(new URL('../test/tlsfuzzer/list.json', import.meta.url)) },
  without: { type: 'string', default: defaultWithout },
  only: { type: 'string', multiple: true },
  feature: { type: 'string', multiple: true },
  target: { type: 'string', multiple: true, default: [] as string[] },
  jobs: { type: 'string', default: '2' },
  seed: { type: 'string', default: '1' },
  json: { type: 'string' },
  logs: { type: 'string' },
  python: { type: 'string', default: '/usr/bin/python3' },
  help: { type: 'boolean', short: 'h' },
} as const

/** What the command line said. */
interface Plan {
  readonly kit: Kit
  readonly list: List
  readonly without: ReadonlySet<string>
  readonly entries: readonly Entry[]
  readonly skipped: readonly Skipped[]
  readonly targets: ReadonlyMap<string, Target>
  readonly jobs: number
  readonly json: string | undefined
  readonly logs: string | undefined
}

class UsageError extends Error {}

async function main(): Promise<number> {
  let plan: Plan | undefined
  try {
    plan = planOf(parseArgs({ options }).values)
  } catch (error) {
    const isUsage = error instanceof UsageError || error instanceof ListError || error instanceof TypeError
    if (!isUsage) throw error
    console.error(`tlsfuzzer: ${error.message}\n${usage}`)
    return 2
  }
  if (!plan) {
    console.log(usage)
    return 0
  }
  const startMs = performance.now()
  const servers = await startServers(plan)
  try {
    const results = await runAll(plan, servers)
    const run = { results, skipped: plan.skipped, seconds: (performance.now() - startMs) / 1000 }
    console.log(`\n${summaryLines(run).join('\n')}`)
    if (plan.json !== undefined) writeFileSync(plan.json, `${JSON.stringify(runAsJson(run), undefined, 1)}\n`)
    return results.every(({ status }) => status === 'pass') ? 0 : 1
  } finally {
    await Promise.all([...servers.values()].map(server => server.stop()))
  }
}

/** Undefined when help is asked for. @throws UsageError or ListError */
function planOf(
  values: ReturnType<typeof parseArgs<{ options: typeof options }>>['values'],
): Plan | undefined {
  if (values.help) return undefined
  const kit = {
    ...{ tlsfuzzer: checkout(values.dir, '--dir', 'scripts'), python: values.python },
    ...{ tlslite: checkout(values.tlslite, '--tlslite', 'tlslite'), seed: Number(values.seed) },
  }
  const jobs = Number(values.jobs)
  if (!Number.isInteger(jobs) || jobs < 1) throw new UsageError('--jobs wants a number of at least 1')
  if (!Number.isInteger(kit.seed)) throw new UsageError('--seed wants a number')
  const list = readList(values.list)
  const without = new Set(values.without.split(',').filter(word => word !== ''))
  const chosen = list.entries
    .filter(({ id }) => values.only?.some(text => id.includes(text)) ?? true)
    .filter(({ feature }) => values.feature?.includes(feature) ?? true)
  const skipped = chosen.flatMap(entry => {
    const missing = missingNeeds(entry, without)
    return missing.length > 0 ? [{ entry, why: `needs ${missing.join(', ')}` }] : []
  })
  const entries = chosen.filter(entry => missingNeeds(entry, without).length === 0)
  if (entries.length === 0) throw new UsageError('there is nothing to run')
  for (const entry of entries) argumentsOf(entry, { variables: list.variables, without })
  const targets = new Map(values.target.map(targetOf))
  return { kit, list, without, entries, skipped, targets, jobs, json: values.json, logs: values.logs }
}

function checkout(directory: string | undefined, flag: string, inside: string): string {
  if (directory === undefined) throw new UsageError(`${flag} is needed`)
  if (!existsSync(join(directory, inside))) {
    throw new UsageError(`${flag} ${directory}: there is no ${inside} in it`)
  }
  return directory
}

function targetOf(text: string): [profile: string, target: Target] {
  const [, profile, host, port] = /^([^=]+)=(.+):(\d+)$/.exec(text) ?? []
  if (profile === undefined) throw new UsageError(`--target ${text}: wanted PROFILE=HOST:PORT`)
  return [profile, { host: host!, port: Number(port) }]
}

/** Starts what the entries need. A server that does not start is told, and its entries count as failed. */
async function startServers({ list, entries, targets }: Plan): Promise<Map<string, RunningServer>> {
  const servers = new Map<string, RunningServer>()
  const authorities = clientAuthoritiesOf(list.directory)
  for (const profile of new Set(entries.map(profileOf))) {
    if (targets.has(profile)) continue
    const args = profileArgs(profile, authorities)
    try {
      if (!args) throw new Error(`no server of ours has the profile ${profile}`)
      servers.set(profile, await startServer(args))
    } catch (error) {
      console.error(`tlsfuzzer: ${(error as Error).message}`)
    }
  }
  return servers
}

/** Runs every entry, `jobs` at a time, and tells of each as it ends. */
async function runAll(plan: Plan, servers: ReadonlyMap<string, RunningServer>): Promise<Result[]> {
  const { entries, jobs, logs } = plan
  if (logs !== undefined) mkdirSync(logs, { recursive: true })
  const waiting = [...entries]
  const results = new Map<Entry, Result>()
  const work = async () => {
    for (let entry = waiting.shift(); entry; entry = waiting.shift()) {
      const result = await runEntry(entry, plan, servers)
      results.set(entry, result)
      if (logs !== undefined) writeFileSync(join(logs, `${entry.id.replaceAll('/', '_')}.log`), result.output)
      console.log(progressLines(result, `${results.size}/${entries.length}`).join('\n'))
    }
  }
  await Promise.all(Array.from({ length: jobs }, work))
  return entries.map(entry => results.get(entry)!)
}

async function runEntry(
  entry: Entry,
  { kit, list: { variables }, without, targets }: Plan,
  servers: ReadonlyMap<string, RunningServer>,
): Promise<Result> {
  const server = servers.get(profileOf(entry))
  const target = targets.get(profileOf(entry)) ?? server
  if (!target || server?.isAlive() === false) return notRun(entry, 'no-server')
  const result = await runScript(entry, { kit, target, variables, without })
  if (server?.isAlive() !== false) return result
  return { ...result, status: 'server-gone', output: `${result.output}\nserver: ${server.stderr()}` }
}

function notRun(entry: Entry, status: Status): Result {
  return { entry, status, seconds: 0, counts: undefined, failed: [], output: '' }
}

function profileOf({ profile }: Entry): string {
  return profile ?? 'default'
}

process.exitCode = await main()
