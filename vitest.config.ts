import { availableParallelism } from 'node:os'
import { defineConfig, type TestProjectConfiguration } from 'vitest/config'
import { SkippedReporter } from './test/support/skipped-reporter.ts'

/**
 * `npm test` runs both: everything over providers/noble, and over providers/node again what makes connections in this process.
 * Tests of both providers at once (test/providers, test/vectors, test/crypto) and of child processes would be the same twice.
 */
const projects: TestProjectConfiguration[] = [
  { extends: true, test: { name: 'noble', include: ['test/**/*.test.ts'] } },
  {
    extends: true,
    test: {
      name: 'node',
      include: ['test/{handshake,connection,requirements,driver,session,node}/**/*.test.ts'],
      exclude: ['test/requirements/table.test.ts'],
      alias: [
        {
          find: /^.*\/providers\/noble\/index\.ts$/,
          replacement: new URL('test/support/node-for-noble.ts', import.meta.url).pathname,
        },
      ],
    },
  },
]

export default defineConfig({
  test: {
    reporters: ['default', new SkippedReporter()],
    projects,
    pool: 'threads',
    // Much of the suite waits for child processes, so two workers pay off on two cores as well.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    testTimeout: 20_000,
    hookTimeout: 30_000,
  },
})
