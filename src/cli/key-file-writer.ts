import {
  closeSync,
  fchmodSync,
  fchownSync,
  fsyncSync,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from 'node:fs'
import { errnoOf, UsageError } from './failures.ts'
import { fileReason } from './files.ts'

/**
 * Puts another text in the place of a key file's: whoever reads it sees the old one or the new one and never a
 * part, before and after a crash. The new file has mode 0600 and the old one's owner. While `rewrite` works the
 * new file is there beside the old one, so that of two rotations at once the second is refused.
 * Throws UsageError that says what to do.
 */
export function rewriteKeyFile<T extends { readonly text: string }>(
  path: string,
  rewrite: (text: string) => T,
): T {
  const owner = keyFileStats(path)
  const temporary = `${path}.new`
  const file = openNew(path, temporary)
  try {
    const rewritten = rewrite(readKeyFile(path))
    orRefuse(path, () => {
      writeFileSync(file, rewritten.text)
      giveTo(owner, file)
      fsyncSync(file)
      renameSync(temporary, path)
    })
    return rewritten
  } catch (error) {
    rmSync(temporary, { force: true })
    throw error
  } finally {
    closeSync(file)
  }
}

/** The text of a key file that could be rewritten, so that a rehearsal fails where the performance would. */
export function readKeyFile(path: string): string {
  keyFileStats(path)
  return orRefuse(path, () => readFileSync(path, 'utf8'))
}

function keyFileStats(path: string): Stats {
  const stats = orRefuse(path, () => lstatSync(path))
  if (stats.isSymbolicLink()) {
    throw new UsageError(
      `${path}: is a link to ${readlinkSync(path)}, as secret volumes have them; rotate a copy of the original, and distribute that`,
    )
  }
  if (!stats.isFile()) throw new UsageError(`${path}: is no file; name the cluster.key that servers read`)
  return stats
}

function openNew(path: string, temporary: string): number {
  try {
    return openSync(temporary, 'wx', 0o600)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') return refuse(path, error)
    throw new UsageError(
      `${temporary}: another rotation is at work, or one was cut off; if none is, remove it`,
    )
  }
}

/** The umask may have taken from the mode, and root rotates what belongs to the server's user. */
function giveTo({ uid, gid }: Stats, file: number): void {
  if (process.platform === 'win32') return
  fchmodSync(file, 0o600)
  fchownSync(file, uid, gid)
}

function orRefuse<T>(path: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    return refuse(path, error)
  }
}

function refuse(path: string, error: unknown): never {
  if (errnoOf(error) === '') throw error
  throw new UsageError(
    `${path}: ${fileReason(error)}; rotate a copy in a directory where its owner may write, and distribute that`,
  )
}
