/**
 * The program that BoringSSL's runner starts for each of its tests. Exit status 0 for a test that went well, 89 for one that asks
 * for what is not done here, 1 with `:CODE:` on stderr for everything else: the code is that of src/errors.ts.
 */
import { MemorySessionCache } from '../../../src/driver/memory-session-cache.ts'
import { PeerAlert, TlsError } from '../../../src/errors.ts'
import { Unexpected } from './answers.ts'
import { requireImplemented } from './config.ts'
import { exchange } from './exchange.ts'
import { NotImplemented, parseFlags } from './flags.ts'

const exitStatus = { good: 0, bad: 1, notImplemented: 89 } as const

/** Runs what the command line asks for; returns the exit status. */
export async function main(argv: readonly string[]): Promise<number> {
  try {
    const flags = parseFlags(argv)
    if (flags.initial['is-handshaker-supported']) {
      console.log('No')
      return exitStatus.good
    }
    for (const options of [flags.initial, flags.resume]) requireImplemented(options)
    await connectAll(flags)
    return exitStatus.good
  } catch (error) {
    if (error instanceof NotImplemented) return exitStatus.notImplemented
    console.error(describe(error))
    return exitStatus.bad
  }
}

/** The first connection, and those that resume the one before them. */
async function connectAll({ initial, resume }: ReturnType<typeof parseFlags>): Promise<void> {
  let aheadMs = 0
  const clock = { now: () => Date.now() + aheadMs }
  const sessionCache = new MemorySessionCache(clock)
  let offered: Uint8Array | undefined
  for (let i = 0; i <= (initial['resume-count'] ?? 0); i++) {
    const options = i === 0 ? initial : resume
    const isResumption = i > 0
    if (isResumption && !options.server && !offered) throw new Unexpected('there is no session to offer')
    offered = await exchange({ options, clock, sessionCache, offered, isResumption })
    aheadMs += (options['resumption-delay'] ?? 0) * 1000
  }
}

function describe(error: unknown): string {
  if (error instanceof PeerAlert)
    return `:PEER_ALERT_${String(error.description).toUpperCase()}: ${error.message}`
  if (!(error instanceof TlsError))
    return error instanceof Error ? (error.stack ?? error.message) : String(error)
  // A check that failed while a question was open: no fault of the protocol, whatever the connection made of it.
  if (error.cause instanceof Unexpected) return error.cause.message
  const cause = error.cause instanceof Error ? `\n${error.cause.stack}` : ''
  return `:${error.code}: ${error.message}${cause}`
}
