/** `npm run bench`: ours beside node:tls, forge and the bare primitives, in one run. */
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { ceiling, forgeTls, node, ownSockets, ringtls } from './contenders.ts'
import { compare, tableOf } from './harness.ts'

const usage = `Usage: npm run bench -- [--only full|resumed] [--rounds N] [--json]
CPU time of both ends together, medians of interleaved rounds. Machines are noisy: quote ratios of one run.`

const options = {
  only: { type: 'string' },
  rounds: { type: 'string', default: '9' },
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h' },
} as const

const benches = {
  full: { title: 'full RSA handshake', resumed: false, runsPerRound: 10 },
  resumed: { title: 'resumed handshake', resumed: true, runsPerRound: 50 },
} as const

async function main(): Promise<number> {
  const { values } = parseArgs({ options })
  if (values.help) {
    console.log(usage)
    return 0
  }
  const names = Object.keys(benches).filter(name => values.only === undefined || name === values.only)
  const rounds = Number(values.rounds)
  if (names.length === 0 || !Number.isInteger(rounds) || rounds < 1) {
    console.error(`bench: no such bench, or no such number of rounds\n${usage}`)
    return 2
  }
  if (!values.json) console.log(`Node ${process.version}, ${cpus().length} x ${cpus()[0]?.model.trim()}\n`)
  for (const name of names as (keyof typeof benches)[]) {
    const { title, resumed, runsPerRound } = benches[name]
    const contenders = [
      ringtls(resumed),
      ceiling(resumed),
      node(resumed),
      ownSockets(resumed, 'node'),
      ownSockets(resumed, 'noble'),
      forgeTls(resumed),
    ]
    const results = await compare(contenders, {
      rounds,
      runsPerRound,
      progress: text => progress(`${title}: ${text}`),
    })
    progress('')
    console.log(values.json ? JSON.stringify({ bench: name, results }) : `${tableOf(title, results)}\n`)
  }
  return 0
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r${text.padEnd(70)}${text ? '' : '\r'}`)
}

process.exitCode = await main()
