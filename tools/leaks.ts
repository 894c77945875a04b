/** `npm run leaks`: 10,000 short connections and 1,000 open ones, and what is left of them. */
import { parseArgs } from 'node:util'
import { findLeaks, type Held, leaksIn } from '../test/support/leaks/leaks.ts'

const usage = `Usage: npm run leaks -- [--connections N] [--open N] [--provider noble|node] [--slack PERCENT] [--leak]
Client and server in one process, over TCP: short connections, of which half resume and which end in every way there is, then
open ones. 10,000, 1,000, node, 5 %. Ends with 1 when the heap grew by more, or a socket, a handle or a timer is left.
--leak keeps every socket, so that one sees that this is found.`

const options = {
  connections: { type: 'string', default: '10000' },
  open: { type: 'string', default: '1000' },
  provider: { type: 'string', default: 'node' },
  slack: { type: 'string', default: '5' },
  leak: { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h' },
} as const

async function main(): Promise<number> {
  const { values } = parseArgs({ options })
  const { provider, leak } = values
  const [connections, open, slack] = [values.connections, values.open, values.slack].map(Number)
  if (values.help) {
    console.log(usage)
    return 0
  }
  const isNumber = (value: number | undefined): value is number => Number.isInteger(value) && value! > 0
  if (
    !isNumber(connections) ||
    !isNumber(open) ||
    !isNumber(slack) ||
    (provider !== 'noble' && provider !== 'node')
  ) {
    console.error(`leaks: every number is a whole one, at least 1; the provider is noble or node\n${usage}`)
    return 2
  }
  if (!globalThis.gc) {
    console.error('leaks: node --expose-gc --max-opt=0 is wanted, as npm run leaks has it')
    return 2
  }
  const startedMs = Date.now()
  const report = await findLeaks({ provider, connections, open, leak })
  print('after the warm-up', report.before)
  print(`after ${connections} short ones`, report.afterShort)
  print(`with ${open} open`, report.whileOpen)
  print('when they are closed', report.afterOpen)
  console.log(`${((Date.now() - startedMs) / 1000).toFixed(1)} s, providers/${provider}`)
  const wrong = leaksIn(report, slack / 100)
  for (const leak of wrong) console.log(`LEAK: ${leak}`)
  if (wrong.length === 0) console.log('Nothing leaks.')
  return wrong.length === 0 ? 0 : 1
}

function print(when: string, { heapBytes, bufferBytes, sockets, resources }: Held): void {
  const [heap, buffers] = [heapBytes, bufferBytes].map(bytes => `${(bytes / 2 ** 20).toFixed(2)} MiB`)
  console.log(
    `${when}: heap ${heap}, buffers ${buffers}, ${sockets} sockets, ${resources} handles and timers`,
  )
}

process.exitCode = await main()
