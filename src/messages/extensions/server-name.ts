import { asciiBytes, asciiString } from '../../bytes.ts'
import { TlsError } from '../../errors.ts'
import { enumeration, type Infer, opaqueVector, struct, uint8, uint16, vector } from '../../wire/codec.ts'

/** `enum { host_name(0), (255) } NameType` (RFC 6066 §3). Every type of name so far has a HostName's form. */
export const NameType = { host_name: 0 } as const

/** `ServerName server_name_list<1..2^16-1>` (RFC 6066 §3). */
export const serverNameList = struct({
  serverNameList: vector(
    uint16,
    struct({ nameType: enumeration(uint8, NameType), name: opaqueVector(uint16, 1, 0xffff) }),
    1,
    0xffff,
  ),
})
export type ServerNameList = Infer<typeof serverNameList>

/** In ServerHello the extension says only that the name was used: its body is empty (RFC 6066 §3). */
export const serverNameAcknowledged = struct({})

/** The body for one host name. */
export function serverNameListOf(hostName: string): ServerNameList {
  return { serverNameList: [{ nameType: 'host_name', name: asciiBytes(hostName) }] }
}

/**
 * The one host name of a list in lower case, `undefined` when it has none. Two of one type are refused
 * (RFC 6066 §3), and so is a name that is not ASCII, has a NUL, or is longer than DNS allows: names become
 * keys of a configuration and of a session, and must not be two things at once.
 */
export function hostNameOf(list: ServerNameList | undefined): string | undefined {
  const hostNames = list?.serverNameList.filter(entry => entry.nameType === 'host_name') ?? []
  if (hostNames.length > 1)
    throw new TlsError('BAD_SERVER_NAME', `server_name holds ${hostNames.length} host names, one is allowed`)
  const name = hostNames[0]?.name
  if (!name) return undefined
  const text = asciiString(name)
  if (text === undefined || text.length > 255 || /[\0-\x20\x7f]/.test(text)) {
    throw new TlsError(
      'BAD_SERVER_NAME',
      `server_name holds ${name.length} bytes that are not a DNS host name`,
    )
  }
  return text.toLowerCase()
}
