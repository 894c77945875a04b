import { availableParallelism } from 'node:os'
import { defineConfig } from 'vitest/config'
import { SkippedReporter } from './test/support/skipped-reporter.ts'

export default defineConfig({
  test: {
    reporters: ['default', new SkippedReporter()],
    include: ['test/**/*.test.ts'],
    pool: 'threads',
    // Much of the suite waits for child processes, so two workers pay off on two cores as well.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
})
