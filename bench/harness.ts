/** Runs contenders in turn, so that a noisy machine is noisy for all of them, and compares medians. */

export interface Contender {
  readonly name: string
  /** Does the work once, both ends together. */
  run(): void | Promise<void>
}

export interface Result {
  readonly name: string
  /** Process CPU per run, in milliseconds. */
  readonly medianMs: number
  readonly quartilesMs: readonly [number, number]
  /** Median over that of the first contender. */
  readonly ratio: number
}

/** Interleaved rounds of `runsPerRound` runs each; CPU time of the process, since both ends live in it. */
export async function compare(
  contenders: readonly Contender[],
  {
    rounds,
    runsPerRound,
    progress,
  }: { rounds: number; runsPerRound: number; progress: (text: string) => void },
): Promise<Result[]> {
  const samples = contenders.map(() => [] as number[])
  for (let round = -1; round < rounds; round++) {
    for (const [i, contender] of contenders.entries()) {
      progress(`${contender.name}, round ${Math.max(round, 0) + 1} of ${rounds}`)
      const before = process.cpuUsage()
      for (let run = 0; run < runsPerRound; run++) await contender.run()
      const { user, system } = process.cpuUsage(before)
      // Round -1 warms up.
      if (round >= 0) samples[i]!.push((user + system) / 1000 / runsPerRound)
    }
  }
  const medians = samples.map(values => quantile(values, 0.5))
  return contenders.map(({ name }, i) => ({
    name,
    medianMs: medians[i]!,
    quartilesMs: [quantile(samples[i]!, 0.25), quantile(samples[i]!, 0.75)],
    ratio: medians[i]! / medians[0]!,
  }))
}

function quantile(values: readonly number[], q: number): number {
  const sorted = [...values].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]!
}

/** A table for people: one row a contender. */
export function tableOf(title: string, results: readonly Result[]): string {
  const rows = results.map(({ name, medianMs, quartilesMs: [low, high], ratio }) =>
    [
      name.padEnd(28),
      medianMs.toFixed(3).padStart(9),
      `${low.toFixed(3)} to ${high.toFixed(3)}`.padStart(20),
      `${ratio.toFixed(2)} x`.padStart(9),
    ].join('  '),
  )
  const head = [
    title.padEnd(28),
    'CPU, ms'.padStart(9),
    'middle half'.padStart(20),
    'ratio'.padStart(9),
  ].join('  ')
  return [head, ...rows].join('\n')
}
