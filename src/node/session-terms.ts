/** What a context says about sessions, which counts where it is a server's own. */
import { Secret } from '../secret.ts'
import { ownTicketKeyBytes } from '../session/session-ticket.ts'
import { apiMisuse } from './api-misuse.ts'
import { readCount, readText, wrongType } from './option-types.ts'
import { forbidsTickets, type VersionOptions } from './protocol-versions.ts'

export interface SessionOptions {
  /** Seconds a session may be resumed: 600 by default, 86,400 at most. */
  readonly sessionTimeout?: number | undefined
  /** Sessions of another context are not resumed. */
  readonly sessionIdContext?: string | undefined
  /** 48 bytes, alike on all servers that shall take each other's tickets. */
  readonly ticketKeys?: Uint8Array | undefined
}

export interface SessionTerms {
  readonly timeoutSeconds: number | undefined
  readonly idContext: string
  /** 48 bytes. */
  readonly ticketKeys: Secret | undefined
  /** `secureOptions` has SSL_OP_NO_TICKET. */
  readonly forbidsTickets: boolean
}

/** Throws ApiMisuse with Node's code for what will not do. */
export function readSessionTerms(options: SessionOptions & VersionOptions): SessionTerms {
  return {
    timeoutSeconds: readCount('sessionTimeout', options.sessionTimeout),
    idContext: readText('sessionIdContext', options.sessionIdContext) ?? '',
    ticketKeys: readTicketKeys(options.ticketKeys),
    forbidsTickets: forbidsTickets(options),
  }
}

/** A copy, which is its holder's to wipe; `undefined` for none. Throws ApiMisuse with Node's code. */
export function readTicketKeys(keys: unknown): Secret | undefined {
  if (keys === undefined || keys === null) return undefined
  if (!ArrayBuffer.isView(keys)) throw wrongType('ticketKeys', 'a Buffer, a TypedArray or a DataView', keys)
  if (keys.byteLength !== ownTicketKeyBytes)
    throw apiMisuse(
      'ERR_INVALID_ARG_VALUE',
      `ticketKeys: came ${keys.byteLength} bytes, wanted ${ownTicketKeyBytes}`,
    )
  return new Secret(new Uint8Array(keys.buffer, keys.byteOffset, keys.byteLength).slice())
}
