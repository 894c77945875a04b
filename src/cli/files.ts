import {
  createWriteStream,
  existsSync,
  fchmodSync,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  type WriteStream,
  writeFileSync,
} from 'node:fs'
import { errnoOf, UsageError } from './failures.ts'

/** The text of a file that an option names; errors name option and file. */
export function readTextFile(path: string, option: string): string {
  return readBinaryFile(path, option).toString('utf8')
}

/** The same for bytes. */
export function readBinaryFile(path: string, option: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw new UsageError(
      `${option} ${path}: ${reasons[errnoOf(error)] ?? `cannot be read (${errnoOf(error)})`}`,
    )
  }
}

/**
 * Writes a file that holds secrets, as a new one with mode 0600 in the place of what was there: nobody who has
 * the old one open, or made it a link, gets to see the new text.
 */
export function writeSecretFile(path: string, text: string, option: string): void {
  try {
    const isDevice = existsSync(path) && !statSync(path).isFile()
    if (isDevice) return writeFileSync(path, text)
    const temporary = `${path}.${process.pid}.tmp`
    writeFileSync(temporary, text, { mode: 0o600, flag: 'wx' })
    renameSync(temporary, path)
  } catch (error) {
    throw unwritable(path, option, error)
  }
}

/** Writes a file that anybody may read, over what was there. */
export function writePublicFile(path: string, text: string, option: string): void {
  try {
    writeFileSync(path, text)
  } catch (error) {
    throw unwritable(path, option, error)
  }
}

/** A stream that adds lines to a file of secrets, which nobody but its owner may read, whatever mode it had before. */
export function appendSecretFile(path: string, option: string): WriteStream {
  try {
    const file = openSync(path, 'a', 0o600)
    // A device such as /dev/null is not ours to change.
    if (fstatSync(file).isFile()) fchmodSync(file, 0o600)
    return createWriteStream(path, { fd: file })
  } catch (error) {
    throw unwritable(path, option, error)
  }
}

function unwritable(path: string, option: string, error: unknown): UsageError {
  return new UsageError(
    `${option} ${path}: ${reasons[errnoOf(error)] ?? `cannot be written (${errnoOf(error)})`}`,
  )
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file or directory; check the path',
  EACCES: 'permission denied; check owner and mode',
  EPERM: 'permission denied; check owner and mode',
  EISDIR: 'is a directory, wanted a file',
  ENOTDIR: 'a part of the path is no directory; check the path',
  EROFS: 'the file system is read-only; choose another place',
  ENOSPC: 'the disk is full',
}

/** What an errno of the file system means and what to do about it. */
export function fileReason(error: unknown): string {
  return reasons[errnoOf(error)] ?? `failed (${errnoOf(error) || String(error)})`
}
