/**
 * Takes up changes of the two files that the servers of a cluster share, while everything runs. The files are
 * read again and again, and compared: editors put a new file in the place of the old one, Kubernetes turns a
 * link, network file systems tell nobody; a file of these sizes costs less than to be wrong about one of them.
 */
import { readFile } from 'node:fs/promises'
import type { CryptoProvider } from '../crypto/provider.ts'
import { toBase64url } from './base64url.ts'
import { type ClusterInfo, type ClusterNode, parseClusterInfo } from './cluster-info.ts'
import { type ClusterLog, silentLog } from './cluster-log.ts'
import type { EpochKeys, KeyPeriod } from './epoch-keys.ts'
import { type ClusterKeys, keyFileWarnings, parseClusterKeys } from './keys.ts'
import type { Membership } from './membership.ts'

export interface ClusterWatchOptions {
  /** The file of `membership`; without the two, as where sessions live in an engine, the key alone is watched. */
  readonly infoPath?: string
  /** The file of `keys`. */
  readonly keysPath: string
  readonly membership?: Membership
  readonly keys: ClusterKeys
  /** Which node this process is: what cannot change of it while it runs is warned of. */
  readonly nodeId?: string | undefined
  readonly provider: CryptoProvider
  /** ms since 1970. */
  readonly now: () => number
  /** Warnings can be read alone, without their fields. */
  readonly log?: ClusterLog
  /** How often the files are read, 1000 by default. */
  readonly pollMs?: number
  /** Hears of each change once everybody has it. */
  readonly onReload?: (reloaded: Reloaded) => void
}

/** What was taken up, and from where. */
export type Reloaded =
  | { readonly kind: 'info'; readonly path: string; readonly revision: number; readonly digest: string }
  | {
      readonly kind: 'keys'
      readonly path: string
      readonly periods: readonly KeyPeriod[]
      readonly currentEpoch: number | undefined
    }

export interface ClusterWatch {
  /** Reads both files now, as SIGHUP asks, and tells of faults again that it told of before. Resolves to whether anything changed; never rejects. */
  reload(): Promise<boolean>
  close(): void
}

/**
 * Watches until it is closed, and keeps no process alive. A file that cannot be read or used leaves in force
 * what there is, and each of its faults is warned of once until it is good again.
 */
export function watchCluster(options: ClusterWatchOptions): ClusterWatch {
  const files = filesOf(options)
  let reading = Promise.resolve(false)
  /** One reading after the other: an old text must not come after a new one. */
  const read = () => {
    reading = reading.then(async () => {
      const changes: boolean[] = []
      for (const file of files) changes.push(await file.read())
      return changes.includes(true)
    })
    return reading
  }
  let timer: NodeJS.Timeout | undefined
  let isClosed = false
  const schedule = () => {
    if (isClosed) return
    timer = setTimeout(() => void read().then(schedule), options.pollMs ?? 1000).unref()
  }
  schedule()
  return {
    reload: () => {
      for (const file of files) file.forget()
      return read()
    },
    close: () => {
      isClosed = true
      clearTimeout(timer)
    },
  }
}

function filesOf(options: ClusterWatchOptions): readonly WatchedFile[] {
  const { infoPath, keysPath, membership } = options
  const keyFile = new WatchedFile(keysPath, options, text => takeKeys(text, options))
  if (infoPath === undefined || membership === undefined) return [keyFile]
  const take = (text: string) =>
    takeInfo(parseClusterInfo(text, infoPath), infoPath, { ...options, membership })
  return [new WatchedFile(infoPath, options, take), keyFile]
}

/** A file that is read again and again, and taken where its text is another than before. */
class WatchedFile {
  readonly #path: string
  readonly #options: ClusterWatchOptions
  /** Uses a text, and says whether anything is other than before; throws when the text is of no use. */
  readonly #take: (text: string) => boolean
  /** SHA-256 in base64url of the text that was taken last, one being a secret; '' while the file has a fault. */
  #taken = ''
  #takenMs = 0
  /** What was warned of since the file was good. */
  readonly #faults = new Set<string>()

  constructor(path: string, options: ClusterWatchOptions, take: (text: string) => boolean) {
    this.#path = path
    this.#options = options
    this.#take = take
  }

  /** Makes the next reading as if it were the first. */
  forget(): void {
    this.#taken = ''
    this.#faults.clear()
  }

  /** Never rejects. */
  async read(): Promise<boolean> {
    try {
      const text = await readText(this.#path)
      const hash = this.#hash(text)
      const nowMs = this.#options.now()
      // An epoch that is over is not used any more; taken without it, its keys are gone from memory too. Where the
      // clock was ahead then, it may not have been over.
      const isStale = hasDeadEpoch(this.#options) || nowMs < this.#takenMs
      if (hash === this.#taken && !isStale) return false
      const isChange = this.#take(text)
      this.#taken = hash
      this.#takenMs = nowMs
      this.#faults.clear()
      return isChange
    } catch (error) {
      this.#taken = ''
      this.#warnOnce(error)
      return false
    }
  }

  /** A file that is being written is of no use for a moment: that is told like the rest, and does no harm. */
  #warnOnce(error: unknown): void {
    const fault = error instanceof Error ? error.message : String(error)
    if (this.#faults.has(fault)) return
    this.#faults.add(fault)
    const { log = silentLog } = this.#options
    log.warn({ file: this.#path }, `${fault}; going on with what was read before`)
  }

  #hash(text: string): string {
    const bytes = new TextEncoder().encode(text)
    return toBase64url(this.#options.provider.hash('sha256').update(bytes).digest())
  }
}

/** Its error is what went wrong with the reading; the one of Node names the path too. */
async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error'
    throw new Error(`${path}: cannot be read (${code})`)
  }
}

function takeInfo(
  info: ClusterInfo,
  path: string,
  options: ClusterWatchOptions & { membership: Membership },
): boolean {
  const { membership, nodeId, log = silentLog, onReload } = options
  const before = membership.info
  if (!membership.replace(info)) return false
  const warnings = [...revisionWarnings(before, info), ...ownWarnings({ before, info, nodeId })]
  for (const warning of warnings) log.warn({ file: path }, `${path}: ${warning}`)
  onReload?.({ kind: 'info', path, revision: info.revision, digest: membership.digest })
  return true
}

/** A list that was changed without raising its revision is taken all the same: nobody would understand why not. */
function revisionWarnings(before: ClusterInfo, { revision }: ClusterInfo): string[] {
  if (revision > before.revision) return []
  const said = revision === before.revision ? 'is the same as before' : `was ${before.revision} before`
  return [
    `taken up, though it is another list and its revision ${revision} ${said}; raise it with every change`,
  ]
}

interface ChangeOfList {
  readonly before: ClusterInfo
  readonly info: ClusterInfo
  readonly nodeId: string | undefined
}

/** What the list says of this very process, and it cannot do while it runs. */
function ownWarnings({ before, info, nodeId }: ChangeOfList): string[] {
  const entryIn = ({ nodes }: ClusterInfo): ClusterNode | undefined => nodes.find(({ id }) => id === nodeId)
  const [old, now] = [entryIn(before), entryIn(info)]
  if (old === undefined) return []
  if (now === undefined)
    return [`node ${nodeId}, which this process is, was taken out; it serves what it has until it is stopped`]
  if (now.url === old.url) return []
  return [
    `node ${nodeId}, which this process is, has ${now.url} now; restart it, it listens where ${old.url} said`,
  ]
}

function takeKeys(text: string, options: ClusterWatchOptions): boolean {
  const { keysPath: path, keys, provider, now, log = silentLog, onReload } = options
  const nowMs = now()
  const taken = parseClusterKeys(text, path, { provider, nowMs })
  const [before, after] = [keys.live(nowMs), taken.live(nowMs)]
  const warnings = [...keyFileWarnings(path), ...lossWarnings(before, after, path)]
  keys.replaceWith(taken)
  if (namesOf(before) === namesOf(after)) return false
  const currentEpoch = keys.current(nowMs)?.epoch
  if (currentEpoch === undefined)
    warnings.push(`${path}: none of its epochs has begun; until one has, no session can be resumed`)
  for (const warning of warnings) log.warn({ file: path }, warning)
  onReload?.({ kind: 'keys', path, periods: keys.periods, currentEpoch })
  return true
}

/** Keys that opened until now and do not any more, before their time. */
function lossWarnings(before: readonly EpochKeys[], after: readonly EpochKeys[], path: string): string[] {
  const kept = new Set(after.map(nameOf))
  return before
    .filter(keys => !kept.has(nameOf(keys)))
    .map(({ epoch }) => {
      const what = after.some(keys => keys.epoch === epoch) ? 'has another key now' : 'is not in it any more'
      return `${path}: epoch ${epoch} ${what}, and was not over: its sessions are full handshakes`
    })
}

function hasDeadEpoch({ keys, now }: ClusterWatchOptions): boolean {
  return keys.live(now()).length < keys.periods.length
}

/** What is public of an epoch's key, by which two keys can be told apart. */
const nameOf = ({ epoch, ticketKeyName }: EpochKeys) => `${epoch} ${toBase64url(ticketKeyName)}`

function namesOf(epochs: readonly EpochKeys[]): string {
  return epochs.map(keys => `${nameOf(keys)} ${keys.notBeforeMs} ${keys.notAfterMs}`).join()
}
