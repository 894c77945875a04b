/**
 * Rotation of the cluster's key in two phases. A new epoch is distributed before it begins, so that no server
 * meets an ID, a record or a ticket of a key that it has not yet; the one before opens what it sealed for as long
 * as that may live. Nothing here reads a clock or writes a file.
 */
import type { RandomBytes } from '../crypto/provider.ts'
import { Secret } from '../secret.ts'
import type { KeyPeriod } from './epoch-keys.ts'
import { type KeyEntry, keyFileText, maxEpoch, parseKeyFile, refuseSharedBits } from './key-file.ts'
import { maxLiveEpochs } from './keys.ts'

export interface RotationOptions {
  readonly random: RandomBytes
  /** ms since 1970. */
  readonly nowMs: number
  /** From now until the new epoch begins: every server must have the file by then. */
  readonly delayMs: number
  /** The longest that a session of this cluster lives. */
  readonly lifetimeMs: number
}

export interface Rotation {
  /** The new key file: it holds secrets. */
  readonly text: string
  readonly added: KeyPeriod
  /** The epochs that got a notAfter: one, in a file that only rotations wrote. */
  readonly closed: readonly KeyPeriod[]
  /** The numbers of epochs that were over and are not in the file any more. */
  readonly dropped: readonly number[]
  /** Every epoch of the new file, oldest first. */
  readonly periods: readonly KeyPeriod[]
}

/**
 * Adds an epoch that begins `delayMs` from now, gives its predecessor the notAfter that its last session needs,
 * and leaves out what is over. Throws ApiMisuse, in one line without anything of a key, for a file that is none,
 * while the newest epoch has not begun, and where 63 epochs are live.
 * @param name what errors call the file
 */
export function rotateClusterKeys(text: string, name: string, options: RotationOptions): Rotation {
  const { random, nowMs, delayMs, lifetimeMs } = options
  const { field, entries } = parseKeyFile(text, name)
  const byEpoch = [...entries].sort((a, b) => a.period.epoch - b.period.epoch)
  const newest = byEpoch.at(-1)!.period
  const live = byEpoch.filter(({ period }) => nowMs <= period.notAfterMs)
  refuseSharedBits(field, live)
  if (nowMs < newest.notBeforeMs) {
    const begin = new Date(newest.notBeforeMs).toISOString()
    field.fail(`the newest epoch to have begun, and ${newest.epoch} begins at ${begin}; rotate after that`)
  }
  if (live.length >= maxLiveEpochs) {
    const firstMs = Math.min(...live.map(({ period }) => period.notAfterMs))
    const advice = Number.isFinite(firstMs)
      ? `rotate after ${new Date(firstMs).toISOString()}`
      : 'remove some'
    field.fail(`fewer than ${maxLiveEpochs} live epochs, or there is no number for another; ${advice}`)
  }
  const epoch =
    nextEpoch(newest.epoch, live) ??
    field.fail('epochs to count up, which end here; make a new file with `ringtls init`')
  const added = { epoch, notBeforeMs: nowMs + delayMs, notAfterMs: Number.POSITIVE_INFINITY }
  const kept = closeAll([...live, { period: added, key: new Secret(random(32)) }], lifetimeMs)
  const rotated = keyFileText(kept)
  for (const { key } of [...entries, ...kept]) key.wipe()
  return {
    text: rotated,
    added,
    closed: kept.filter((entry, i) => i < live.length && entry !== live[i]).map(({ period }) => period),
    dropped: byEpoch.filter(entry => !live.includes(entry)).map(({ period }) => period.epoch),
    periods: kept.map(({ period }) => period),
  }
}

/** The next number up whose six bits in a session ID no live epoch has. */
function nextEpoch(newest: number, live: readonly KeyEntry[]): number | undefined {
  const taken = new Set(live.map(({ period }) => period.epoch % 64))
  let epoch = newest + 1
  while (taken.has(epoch % 64)) epoch++
  return epoch <= maxEpoch ? epoch : undefined
}

/**
 * Gives every epoch that has a successor its end: the last session it sealed was made as the successor began.
 * The newest one's predecessor always gets it anew, since an end that people wrote may come before that.
 */
function closeAll(entries: readonly KeyEntry[], lifetimeMs: number): readonly KeyEntry[] {
  return entries.map((entry, i) => {
    const successor = entries[i + 1]?.period
    const isOpen = entry.period.notAfterMs === Number.POSITIVE_INFINITY || i === entries.length - 2
    if (successor === undefined || !isOpen) return entry
    return { ...entry, period: { ...entry.period, notAfterMs: successor.notBeforeMs + lifetimeMs } }
  })
}
