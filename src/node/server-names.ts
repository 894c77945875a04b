import { CallbackError } from './api-misuse.ts'
import {
  requireSecureContext,
  type SecureContext,
  type SecureContextOptions,
  secureContextOf,
} from './secure-context.ts'

/** Contexts by the name that a client asks for, as `addContext` of node:tls has them. */
export class ServerNames {
  readonly #contexts: { readonly pattern: RegExp; readonly context: SecureContext }[] = []

  /** `hostname` may hold `*`, which stands for anything but a dot. */
  add(hostname: string, context: SecureContext | SecureContextOptions): void {
    const labels = hostname.toLowerCase().split('*')
    const pattern = new RegExp(`^${labels.map(escapeRegExp).join('[^.]*')}$`)
    this.#contexts.push({
      pattern,
      context: secureContextOf(context, 'addContext'),
    })
  }

  /** The one that was added last of those that fit. */
  find(serverName: string | undefined): SecureContext | undefined {
    if (serverName === undefined) return undefined
    return this.#contexts.findLast(({ pattern }) => pattern.test(serverName))?.context
  }
}

const escapeRegExp = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')

/** Asks a server for the context of a name; it calls back with none for its own. */
export type SNICallback = (
  servername: string,
  callback: (error: Error | null, context?: SecureContext) => void,
) => void

/** A callback with node:tls's manners as a promise; one that throws is as one that calls back with an error. */
export function askForContext(ask: SNICallback, serverName: string): Promise<SecureContext | undefined> {
  const answered = new Promise<unknown>((resolve, reject) => {
    const refuse = (error: unknown) => reject(new CallbackError('SNICallback', error))
    const answer = (error: Error | null, context?: SecureContext) =>
      error ? refuse(error) : resolve(context)
    // An async function is easily written here, and its rejection nobody else would hear.
    const asked = async () => ask(serverName, answer)
    asked().catch(refuse)
  })
  return answered.then(context => (context ? requireSecureContext(context, 'SNICallback') : undefined))
}
