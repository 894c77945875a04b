import { ApiMisuse } from '../errors.ts'
import { apiMisuse, CallbackError } from './api-misuse.ts'

/** Names for ALPN in order of preference; a string stands for its bytes in UTF-8, as in node:tls. */
export type ProtocolList = readonly (string | Uint8Array)[]

/** What a server's ALPNCallback is asked: names as the client sent them, one byte a character, and the host it asked for. */
export interface ProtocolQuestion {
  readonly servername: string
  readonly protocols: string[]
}

/** The names as the core has them, one byte a character; `undefined` for none. Throws ApiMisuse for one that is no ProtocolName (RFC 7301 §3.1). */
export function readProtocols(list: ProtocolList | undefined): string[] | undefined {
  if (!list || list.length === 0) return undefined
  return list.map(name => {
    const bytes = typeof name === 'string' ? Buffer.from(name, 'utf8') : Buffer.from(name)
    if (bytes.length === 0 || bytes.length > 255)
      throw new ApiMisuse(`ALPNProtocols: a name has ${bytes.length} bytes, wanted 1 to 255`)
    return bytes.toString('latin1')
  })
}

/** A callback with node:tls's manners, as the core asks it: `undefined` refuses the client (RFC 7301 §3.2). */
export function protocolSelector(
  callback: (question: ProtocolQuestion) => string | undefined,
): (offered: readonly string[], serverName: string | undefined) => string | undefined {
  return (offered, serverName) => {
    const selected = answerOf(callback, { servername: serverName ?? '', protocols: [...offered] })
    if (selected !== undefined && !offered.includes(selected))
      // Our caller's fault, and still an alert: an exception would end the whole server.
      throw new CallbackError(
        'ALPNCallback',
        apiMisuse(
          'ERR_TLS_ALPN_CALLBACK_INVALID_RESULT',
          `ALPNCallback answered ${JSON.stringify(selected)}, which the client did not offer`,
        ),
      )
    return selected
  }
}

/** Also a misuse of the callback's own, of a context or a socket say, is a fault of this handshake to the client. */
function answerOf(
  callback: (question: ProtocolQuestion) => string | undefined,
  question: ProtocolQuestion,
): string | undefined {
  try {
    return callback(question)
  } catch (error) {
    throw new CallbackError('ALPNCallback', error)
  }
}
