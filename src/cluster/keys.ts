import { readFileSync, statSync } from 'node:fs'
import type { CryptoProvider, RandomBytes } from '../crypto/provider.ts'
import { ApiMisuse } from '../errors.ts'
import { Secret } from '../secret.ts'
import { EpochKeys, type KeyPeriod } from './epoch-keys.ts'
import { keyFileText, parseKeyFile, refuseSharedBits } from './key-file.ts'

/** A session ID says its epoch in six bits, and rotation needs one number that is free. */
export const maxLiveEpochs = 63

/** The keys that a cluster shares, newest epoch first. Which one is used when is a matter of the clock alone. */
export class ClusterKeys {
  #epochs: readonly EpochKeys[]

  constructor(epochs: readonly EpochKeys[]) {
    this.#epochs = [...epochs].sort((a, b) => b.epoch - a.epoch)
  }

  /** Takes the epochs of `other` in the place of its own: everybody who holds these keys rotates at once. */
  replaceWith(other: ClusterKeys): void {
    this.#epochs = other.#epochs
  }

  /** The newest epoch whose notBefore has passed: what is drawn, sealed and signed now. None: nothing is resumable. */
  current(nowMs: number): EpochKeys | undefined {
    return this.#epochs.find(keys => keys.notBeforeMs <= nowMs && nowMs <= keys.notAfterMs)
  }

  /**
   * The keys of an epoch that is not past its notAfter. One whose notBefore is still to come opens too: the
   * server that sealed with it has a clock that is ahead of ours.
   */
  ofEpoch(epoch: number, nowMs: number): EpochKeys | undefined {
    return this.#epochs.find(keys => keys.epoch === epoch && nowMs <= keys.notAfterMs)
  }

  /** Every epoch that is not past its notAfter: all that opens. */
  live(nowMs: number): readonly EpochKeys[] {
    return this.#epochs.filter(keys => nowMs <= keys.notAfterMs)
  }

  /** The same by the six bits of a session ID, which are unambiguous among live epochs. */
  ofEpochBits(bits: number, nowMs: number): EpochKeys | undefined {
    return this.#epochs.find(keys => keys.epoch % 64 === bits && nowMs <= keys.notAfterMs)
  }

  /**
   * Whether an ID with these six bits may be of an epoch that is not at hand: one that is over, or the next one
   * where a rotation has not come here yet. Every other number is a stranger's.
   */
  isMissingEpoch(bits: number): boolean {
    const epochs = this.#epochs.map(({ epoch }) => epoch)
    const neighbours = [Math.min(...epochs) - 1, ...epochs, Math.max(...epochs) + 1]
    return neighbours.some(epoch => epoch >= 0 && epoch % 64 === bits)
  }

  /** The periods of all epochs, for people: no key is in it. */
  get periods(): readonly KeyPeriod[] {
    return this.#epochs.map(({ epoch, notBeforeMs, notAfterMs }) => ({ epoch, notBeforeMs, notAfterMs }))
  }
}

export interface KeySurroundings {
  readonly provider: CryptoProvider
  /** Epochs past their notAfter at this time are left out, ms since 1970. */
  readonly nowMs: number
}

/**
 * Reads a cluster key document (key-file.ts says what it is like) and derives the keys of all epochs that are not
 * over. Throws ApiMisuse in one line that says what to do and quotes nothing of the text.
 * @param name what errors call the document: its path, or an environment variable
 */
export function parseClusterKeys(
  text: string,
  name: string,
  { provider, nowMs }: KeySurroundings,
): ClusterKeys {
  const { field, entries } = parseKeyFile(text, name)
  const live = entries.filter(({ period }) => nowMs <= period.notAfterMs)
  for (const entry of entries) if (!live.includes(entry)) entry.key.wipe()
  if (live.length === 0)
    field.fail('an epoch that is not past its notAfter; add one with `ringtls cluster rotate-key`')
  if (live.length > maxLiveEpochs)
    field.fail(`at most ${maxLiveEpochs} epochs not past their notAfter; remove old ones`)
  refuseSharedBits(field, live)
  return new ClusterKeys(live.map(({ period, key }) => new EpochKeys(period, key, provider)))
}

/**
 * Reads the key file at `path`. A mode that lets others read it is a warning and no error: a Docker secret or
 * a Kubernetes volume is mounted 0444 inside a container where nobody else is. Throws ApiMisuse.
 */
export function readClusterKeys(
  path: string,
  surroundings: KeySurroundings,
): { readonly keys: ClusterKeys; readonly warnings: readonly string[] } {
  const keys = parseClusterKeys(readText(path), path, surroundings)
  return { keys, warnings: keyFileWarnings(path) }
}

/**
 * The text of a new key file with one epoch, for `ringtls init`; write it with mode 0600. Its epoch began a
 * minute ago: nobody has to be told first, and a server whose clock is a little behind can seal at once.
 */
export function makeClusterKeys({ random, nowMs }: { random: RandomBytes; nowMs: number }): string {
  const period = { epoch: 1, notBeforeMs: nowMs - 60_000, notAfterMs: Number.POSITIVE_INFINITY }
  return keyFileText([{ period, key: new Secret(random(32)) }])
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT')
      throw new ApiMisuse(`${path}: there is no such file; make one with \`ringtls init\``)
    throw new ApiMisuse(
      `${path}: cannot read the cluster key (${code ?? 'unknown error'}); check owner and mode`,
    )
  }
}

/** What is to be said of the file at `path` itself: a mode that lets others read it. */
export function keyFileWarnings(path: string): readonly string[] {
  // Windows has no such mode; what stat makes up there means nothing.
  if (process.platform === 'win32') return []
  const mode = statSync(path).mode & 0o777
  if ((mode & 0o077) === 0) return []
  return [
    `${path}: mode ${mode.toString(8).padStart(4, '0')} lets others read the cluster key; run chmod 600 on it`,
  ]
}
