import { destination, pino, stdTimeFunctions } from 'pino'
import type { ClusterLog } from '../cluster/index.ts'
import type { LogLevel } from './log-level.ts'

/** A log in JSON lines on stderr, written at once: nothing is lost when the process ends. Warnings and errors by default. */
export function createLog({
  logLevel = 'warn',
  node,
}: {
  logLevel?: LogLevel | undefined
  node?: string | undefined
}): ClusterLog {
  const stderr = destination({ dest: 2, sync: true })
  // Who read it has gone, and nobody is left to tell.
  stderr.on('error', () => {})
  const options = {
    level: logLevel,
    // Whose log it is; the `node` of a line is the one that it is about.
    base: node === undefined ? {} : { name: node },
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
  }
  return pino(options, stderr)
}
