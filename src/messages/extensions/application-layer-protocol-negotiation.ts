import { type Infer, opaqueVector, struct, uint8, uint16, vector } from '../../wire/codec.ts'

/** `ProtocolName protocol_name_list<2..2^16-1>`, `opaque ProtocolName<1..2^8-1>` (RFC 7301 §3.1), in both hellos; a server's holds exactly one. */
export const protocolNameList = struct({
  protocolNameList: vector(uint16, opaqueVector(uint8, 1, 0xff), 2, 0xffff),
})
export type ProtocolNameList = Infer<typeof protocolNameList>

/** The body for names given as strings of one byte a character. */
export function protocolNameListOf(names: readonly string[]): ProtocolNameList {
  return { protocolNameList: names.map(name => Uint8Array.from(name, byte => byte.charCodeAt(0))) }
}

/** The names as strings of one byte a character: a name is any bytes (RFC 7301 §3.1), and node:tls shows them so. */
export function protocolNamesOf(list: ProtocolNameList): string[] {
  return list.protocolNameList.map(name => String.fromCharCode(...name))
}
