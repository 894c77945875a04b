import { CommanderError } from 'commander'
import { ApiMisuse, TlsError } from '../errors.ts'

/** What was typed, or a file it names, will not do: exit 2. The message says what came, what was wanted and what to do. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

/** The command was right and what it was to do failed: exit 1. */
export class CommandFailed extends Error {
  override readonly name = 'CommandFailed'
}

/** How a command that threw ends: its exit code, and one line for stderr, which commander's help has none of. */
export interface Ending {
  readonly exitCode: 0 | 1 | 2
  readonly line: string | undefined
}

/** The end that belongs to whatever was thrown. Never a stack trace: who runs a binary cannot read one. */
export function endingOf(error: unknown): Ending {
  if (error instanceof CommanderError) return endingOfCommander(error)
  const message = error instanceof Error ? error.message || error.name : String(error)
  // A TlsError that gets here was thrown while certificates and options were read, not by a handshake.
  const isUsage = error instanceof UsageError || error instanceof ApiMisuse || error instanceof TlsError
  if (isUsage) return { exitCode: 2, line: oneLine(message) }
  if (error instanceof CommandFailed) return { exitCode: 1, line: oneLine(message) }
  return { exitCode: 1, line: `unexpected fault, please report it: ${oneLine(message)}` }
}

/** Puts a text on one line, as every error is. */
export function oneLine(text: string): string {
  return text.trim().replace(/\s*[\r\n]+\s*/g, ' ')
}

/** The word that errno has for a failure of the system, such as ENOENT; '' when it is none. */
export function errnoOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : ''
}

/** A socket's error in our own words, which it has for a cause where the fault was found here. */
export function inOurWords(error: unknown): unknown {
  return error instanceof Error && error.cause instanceof TlsError ? error.cause : error
}

function endingOfCommander(error: CommanderError): Ending {
  if (error.exitCode === 0) return { exitCode: 0, line: undefined }
  if (error.code === 'commander.help') {
    return { exitCode: 2, line: 'no command was given; see ringtls --help for those there are' }
  }
  const said = oneLine(error.message.replace(/^error: /, ''))
  return { exitCode: 2, line: `${said.replace(/\.$/, '')}; see --help` }
}
