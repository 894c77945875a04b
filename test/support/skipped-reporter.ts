import type { Reporter, TestModule } from 'vitest/node'

/** Says at the end which tests were skipped for want of something, each reason once: a skip that nobody sees is no answer. */
export class SkippedReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const counts = new Map<string, number>()
    for (const module of modules) {
      for (const { fullName } of module.children.allTests('skipped')) {
        const reason = /skipped: needs [^)]*/.exec(fullName)?.[0]
        if (reason) counts.set(reason, (counts.get(reason) ?? 0) + 1)
      }
    }
    for (const [reason, count] of counts)
      console.log(` ${reason} (${count} ${count === 1 ? 'place' : 'places'})`)
  }
}
