/** `npm run fuzz -- --target T --time SECONDS --seed N`, or `--replay FILE` for the bytes of one failure. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { type FuzzTarget, targets } from './targets/index.ts'

const usage = `Usage: npm run fuzz -- [--target ${targets.map(target => target.name).join('|')}] [--time SECONDS] [--seed N]
       npm run fuzz -- --target T --replay FILE
Without --target every target runs, each for --time seconds (10 by default). A failure is written to
fuzz/regress/TARGET/, where the tests find it, and seed and path are printed.`

const options = {
  target: { type: 'string' },
  time: { type: 'string', default: '10' },
  seed: { type: 'string' },
  replay: { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

async function main(): Promise<number> {
  const { values } = parseArgs({ options })
  if (values.help) {
    console.log(usage)
    return 0
  }
  const chosen = targets.filter(target => values.target === undefined || target.name === values.target)
  const seconds = Number(values.time)
  const seed = values.seed === undefined ? Date.now() % 2 ** 31 : Number(values.seed)
  if (chosen.length === 0 || !(seconds > 0) || !Number.isInteger(seed)) {
    console.error(`fuzz: no such target, time or seed\n${usage}`)
    return 2
  }
  if (values.replay !== undefined) return replay(chosen[0]!, values.replay)
  const codes: number[] = []
  for (const target of chosen) codes.push(await fuzz(target, seconds, seed))
  return Math.max(...codes)
}

async function fuzz(target: FuzzTarget, seconds: number, seed: number): Promise<number> {
  const endMs = Date.now() + seconds * 1000
  let runs = 0
  for (let round = 0; Date.now() < endMs; round++) {
    const roundEndMs = Math.min(Date.now() + 2000, endMs)
    // A run that has begun is run to its end: of an asynchronous target two may not be under way at once.
    const property = fc.asyncProperty(target.arbitrary, async bytes => {
      if (Date.now() >= roundEndMs) fc.pre(false)
      runs++
      await target.run(bytes)
    })
    const result = await fc.check(property, { seed: seed + round, numRuns: 100_000, maxSkipsPerRun: 0 })
    if (result.failed && result.counterexample) {
      report(
        target,
        result.counterexample[0],
        `--seed ${result.seed} (path ${result.counterexamplePath}): ${result.errorInstance}`,
      )
      return 1
    }
    if (process.stderr.isTTY) process.stderr.write(`\r${target.name}: ${runs} runs`)
  }
  if (process.stderr.isTTY) process.stderr.write('\r')
  console.log(`${target.name}: ${runs} runs from seed ${seed} in ${seconds} s, no failure`)
  return 0
}

function report(target: FuzzTarget, bytes: Uint8Array, problem: string): void {
  const folder = new URL(`./regress/${target.name}/`, import.meta.url)
  const file = new URL(`${Date.now().toString(16)}.bin`, folder)
  mkdirSync(folder, { recursive: true })
  writeFileSync(file, bytes)
  console.log(`${target.name}: FAILED with ${problem}`)
  console.log(`  again: npm run fuzz -- --target ${target.name} --replay ${file.pathname}`)
}

async function replay(target: FuzzTarget, path: string): Promise<number> {
  try {
    await target.run(new Uint8Array(readFileSync(path)))
    console.log(`${target.name}: ${path} does not fail`)
    return 0
  } catch (error) {
    console.log(`${target.name}: ${path} fails: ${error}`)
    return 1
  }
}

process.exitCode = await main()
