import { StoreFailure } from '../session-store.ts'

/** How engines refuse: Redis begins with a word in capitals (`OOM command not allowed`), memjs has a table of texts. */
const refusals = [/^([A-Z][A-Z_]{2,})\b/, /^MemJS [A-Z]+: ([\w/ -]+)$/]

/**
 * Whatever a client of an engine rejected with, as a StoreFailure. Of the error only a word or two are kept: its
 * message may quote a command, and ioredis hangs the whole command onto it, record and all.
 */
export function engineFailure(engine: string, error: unknown): StoreFailure {
  if (error instanceof StoreFailure) return error
  const isTimeout = error instanceof Error && /timed? ?out/i.test(`${error.name} ${error.message}`)
  // A refusal is an answer: a Redis that is full still has the records that it has, and no breaker need spare it.
  const isAnswer = isRefusal(error)
  return new StoreFailure(isTimeout ? 'timeout' : 'error', `${engine}: ${wordOf(error)}`, { isAnswer })
}

/** Whether the engine answered, and refused. */
export function isRefusal(error: unknown): boolean {
  return refusalOf(error) !== undefined
}

function wordOf(error: unknown): string {
  if (!(error instanceof Error)) return 'not an error'
  if ('code' in error && typeof error.code === 'string') return error.code
  // What ioredis says of a client, or of a cluster's node, that has no connection.
  if (/is closed|isn't (writeable|ready)/.test(error.message)) return 'not connected'
  return refusalOf(error) ?? error.name
}

function refusalOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  return refusals.map(refusal => refusal.exec(error.message)?.[1]).find(words => words !== undefined)
}
