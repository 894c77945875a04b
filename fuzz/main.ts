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

function main(): number {
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
  return chosen.map(target => fuzz(target, seconds, seed)).includes(1) ? 1 : 0
}

function fuzz(target: FuzzTarget, seconds: number, seed: number): number {
  const endMs = Date.now() + seconds * 1000
  let runs = 0
  for (let round = 0; Date.now() < endMs; round++) {
    const result = fc.check(fc.property(target.arbitrary, target.run), {
      seed: seed + round,
      numRuns: 100_000,
      interruptAfterTimeLimit: Math.min(2000, endMs - Date.now()),
    })
    runs += result.numRuns
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

function replay(target: FuzzTarget, path: string): number {
  try {
    target.run(new Uint8Array(readFileSync(path)))
    console.log(`${target.name}: ${path} does not fail`)
    return 0
  } catch (error) {
    console.log(`${target.name}: ${path} fails: ${error}`)
    return 1
  }
}

process.exitCode = main()
