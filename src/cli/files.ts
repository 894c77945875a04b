import {
  createWriteStream,
  fchmodSync,
  fstatSync,
  openSync,
  readFileSync,
  type WriteStream,
  writeSync,
} from 'node:fs'
import { errnoOf, UsageError } from './failures.ts'

/** The text of a file that an option names; errors name option and file. */
export function readTextFile(path: string, option: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    throw new UsageError(
      `${option} ${path}: ${reasons[errnoOf(error)] ?? `cannot be read (${errnoOf(error)})`}`,
    )
  }
}

/** Writes a file that holds secrets: nobody but its owner may read it, whatever mode it had before. */
export function writeSecretFile(path: string, text: string, option: string): void {
  const file = openSecretFile(path, 'w', option)
  writeSync(file, text)
}

/** A stream that adds lines to a file of secrets. */
export function appendSecretFile(path: string, option: string): WriteStream {
  return createWriteStream(path, { fd: openSecretFile(path, 'a', option) })
}

function openSecretFile(path: string, flag: 'w' | 'a', option: string): number {
  try {
    const file = openSync(path, flag, 0o600)
    // A device such as /dev/null is not ours to change.
    if (fstatSync(file).isFile()) fchmodSync(file, 0o600)
    return file
  } catch (error) {
    throw new UsageError(
      `${option} ${path}: ${reasons[errnoOf(error)] ?? `cannot be written (${errnoOf(error)})`}`,
    )
  }
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
