import { ApiMisuse } from '../errors.ts'

/** Our caller's mistake under the code that Node has for it: `ERR_TLS_INVALID_STATE`, say. */
export function apiMisuse(code: string, message: string): ApiMisuse & { readonly code: string } {
  return Object.assign(new ApiMisuse(message), { code })
}

/** What an application's own callback threw or gave back. It stands as the cause of our fault, and the socket emits it as it was. */
export class CallbackError extends Error {
  override readonly name = 'CallbackError'
  readonly given: Error

  constructor(callback: string, given: unknown) {
    const error = given instanceof Error ? given : new Error(String(given))
    super(`${callback}: ${error.message}`)
    this.given = error
  }
}

/** Asks an application's callback; what it throws, a misuse of ours among it, ends this handshake and not the process. */
export function askApplication<T>(callback: string, ask: () => T): T {
  try {
    return ask()
  } catch (error) {
    throw new CallbackError(callback, error)
  }
}
