import { apiMisuse, askApplication, CallbackError } from './api-misuse.ts'
import { readBytes, wrongType } from './option-types.ts'

/**
 * Names for ALPN in order of preference; a string stands for its bytes in UTF-8, as in node:tls. Or all of them in one view of bytes
 * as they are on the wire, each after a byte with its length (RFC 7301 §3.1).
 */
export type ProtocolList = readonly (string | Uint8Array)[] | NodeJS.ArrayBufferView

/** What a server's ALPNCallback is asked: names as the client sent them, one byte a character, and the host it asked for. */
export interface ProtocolQuestion {
  readonly servername: string
  readonly protocols: string[]
}

/** The names as the core has them, one byte a character; `undefined` for none. Throws ApiMisuse for one that is no ProtocolName (RFC 7301 §3.1). */
export function readProtocols(list: ProtocolList | undefined): string[] | undefined {
  if (list === undefined || list === null) return undefined
  const names = ArrayBuffer.isView(list) ? splitWireFormat(list) : namesOf(list)
  return names.length > 0 ? names : undefined
}

function namesOf(list: unknown): string[] {
  if (!Array.isArray(list))
    throw wrongType('ALPNProtocols', 'an array, a Buffer, a TypedArray or a DataView', list)
  return list.map((name: unknown) => {
    const bytes = typeof name === 'string' ? Buffer.from(name, 'utf8') : readBytes('ALPNProtocols', name)
    if (bytes.length > 255)
      throw apiMisuse('ERR_OUT_OF_RANGE', `ALPNProtocols: a name has ${bytes.length} bytes, wanted 1 to 255`)
    return nameOf(bytes)
  })
}

function splitWireFormat(view: NodeJS.ArrayBufferView): string[] {
  const bytes = readBytes('ALPNProtocols', view)
  const names: string[] = []
  for (let at = 0; at < bytes.length; at += 1 + bytes[at]!) {
    const name = bytes.subarray(at + 1, at + 1 + bytes[at]!)
    if (name.length < bytes[at]!)
      throw apiMisuse(
        'ERR_INVALID_ARG_VALUE',
        `ALPNProtocols: the last name has ${name.length} of ${bytes[at]} bytes`,
      )
    names.push(nameOf(name))
  }
  return names
}

function nameOf(bytes: Uint8Array): string {
  if (bytes.length === 0)
    throw apiMisuse('ERR_INVALID_ARG_VALUE', 'ALPNProtocols: a name has 0 bytes, wanted 1 to 255')
  return Buffer.from(bytes).toString('latin1')
}

/** A callback with node:tls's manners, as the core asks it: `undefined` refuses the client (RFC 7301 §3.2). */
export function protocolSelector(
  callback: (question: ProtocolQuestion) => string | undefined,
): (offered: readonly string[], serverName: string | undefined) => string | undefined {
  return (offered, serverName) => {
    const question = { servername: serverName ?? '', protocols: [...offered] }
    const selected = askApplication('ALPNCallback', () => callback(question))
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
