/** `npm run soak`: three servers, faults between them, and clients that come back, for ten minutes. */
import { parseArgs } from 'node:util'
import {
  faultsOf,
  hitRatio,
  leastHitRatio,
  mebibytes,
  type SoakReport,
  slotMs,
  soak,
} from '../test/support/soak/soak.ts'

const usage = `Usage: npm run soak -- [--time SECONDS] [--clients N] [--seed N] [--lookup-timeout MS]
Three servers with their session nodes as processes (the built binary), and before each node a proxy with a fault
in 1 % of its slots of ${slotMs} ms: black hole, delay, reset, refusal, cut, flipped byte, trickle. Clients (node:tls) come back
to another server each time. 600 s, 8 clients, a look-up budget of 1000 ms, which a busy machine keeps to. Ends with 1 when a client saw an
error, a rejection was unhandled, memory or sockets grew, or less than ${leastHitRatio} % resumed of those who should have.`

const options = {
  time: { type: 'string', default: '600' },
  clients: { type: 'string', default: '8' },
  seed: { type: 'string', default: '1' },
  'lookup-timeout': { type: 'string', default: '1000' },
  help: { type: 'boolean', short: 'h' },
} as const

async function main(): Promise<number> {
  const { values } = parseArgs({ options })
  if (values.help) {
    console.log(usage)
    return 0
  }
  const { time, clients, seed, 'lookup-timeout': lookupTimeout } = values
  const numbers = [time, clients, seed, lookupTimeout].map(Number)
  if (numbers.some(number => !Number.isInteger(number) || number < 1)) {
    console.error(`soak: every number is a whole one, at least 1\n${usage}`)
    return 2
  }
  const [seconds, clientCount, seedNumber, lookupTimeoutMs] = numbers as [number, number, number, number]
  let lastMs = 0
  const report = await soak({
    ...{ seconds, clients: clientCount, seed: seedNumber, lookupTimeoutMs, faultRate: 0.01 },
    progress: text => {
      if (process.stderr.isTTY) process.stderr.write(`\r${text.padEnd(110)}`)
      else if (Date.now() - lastMs >= 30_000) console.error(text)
      else return
      lastMs = Date.now()
    },
  })
  if (process.stderr.isTTY) process.stderr.write('\n')
  print(report)
  const wrong = faultsOf(report)
  for (const fault of wrong) console.log(`WRONG: ${fault}`)
  console.log(
    wrong.length === 0 ? `All as it must be (seed ${seed}).` : `Again: npm run soak -- --seed ${seed}`,
  )
  return wrong.length === 0 ? 0 : 1
}

function print(report: SoakReport): void {
  const { handshakes, returning, hits, misses, unhindered, unhinderedHits, faults, errors } = report
  const words = Object.entries(misses).map(([reason, count]) => `${reason} ${count}`)
  const share = returning === 0 ? 0 : (100 * hits) / returning
  console.log(`handshakes       ${handshakes}, ${returning} of clients that came back, ${faults} faults`)
  console.log(
    `resumed          ${hits} of ${returning} (${share.toFixed(2)} %); misses: ${words.join(', ') || 'none'}`,
  )
  console.log(
    `hit ratio        ${hitRatio(report).toFixed(2)} % = ${unhinderedHits} resumed / ${unhindered} who came back, no fault or open breaker\n` +
      "                 standing before their session's owner when it was written or looked up",
  )
  console.log(`client errors    ${errors.length}`)
  for (const [id, samples] of report.samples) {
    const at = { start: samples[0]!, middle: samples[Math.floor(samples.length / 2)]!, end: samples.at(-1)! }
    const shown = Object.entries(at).map(
      ([when, { rss, heapUsed, sockets, resources }]) =>
        `${when} ${mebibytes(rss)} / ${mebibytes(heapUsed)} / ${sockets} / ${resources}`,
    )
    console.log(`${id}               RSS / heap after gc / sockets / handles: ${shown.join(', ')}`)
  }
  const unhandled = [...report.samples.values()].map(list => list.at(-1)!.unhandledRejections)
  console.log(
    `unhandled        ${unhandled.reduce((a, b) => a + b, 0)} rejections; exit codes ${report.exitCodes.join(', ')}`,
  )
}

process.exitCode = await main()
