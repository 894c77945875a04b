/** Where a cluster tells an operator what happens: the methods of a pino logger, or of one that is like it. */
export interface ClusterLog {
  debug(fields: object, message: string): void
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** Says nothing. */
export const silentLog: ClusterLog = { debug() {}, info() {}, warn() {}, error() {} }
