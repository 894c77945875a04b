import { asciiString, toHex } from '../bytes.ts'
import { type DerReader, type DerValue, readContents, readItems, readObjectIdentifier, Tag } from './der.ts'

/** The name of a certificate's subject or issuer (RFC 5280 §4.1.2.4). */
export interface DistinguishedName {
  /** Its DER. Names are compared by it: a CA has to copy its own subject, byte by byte (RFC 5280 §4.1.2.6). */
  readonly raw: Uint8Array
  /** For people, in the form of RFC 4514: the most specific part first, `CN=localhost,O=Example`. */
  readonly text: string
}

/** Reads a Name: a SEQUENCE of SETs of attributes (RFC 5280 §4.1.2.4). It may be empty. */
export function readDistinguishedName(value: DerValue): DistinguishedName {
  const sets: string[] = []
  readContents(value, parts => {
    while (!parts.atEnd)
      sets.push(readItems(parts.take(Tag.set, String(sets.length)), readAttribute).join('+'))
  })
  return { raw: value.raw, text: sets.reverse().join(',') }
}

/** Attribute types with a short name (RFC 4514 §3); others are shown by number. */
const shortNames: Readonly<Record<string, string | undefined>> = {
  '2.5.4.3': 'CN',
  '2.5.4.7': 'L',
  '2.5.4.8': 'ST',
  '2.5.4.10': 'O',
  '2.5.4.11': 'OU',
  '2.5.4.6': 'C',
  '2.5.4.9': 'STREET',
  '0.9.2342.19200300.100.1.25': 'DC',
  '0.9.2342.19200300.100.1.1': 'UID',
}

function readAttribute(reader: DerReader, index: string): string {
  return reader.inside(Tag.sequence, index, fields => {
    const type = readObjectIdentifier(fields.take(Tag.objectIdentifier, 'type'))
    const value = fields.next('value')
    const text = attributeText(value)
    // RFC 4514 §2.4: what is no string is shown as its DER in hexadecimal.
    return `${shortNames[type] ?? type}=${text === undefined ? `#${toHex(value.raw)}` : escapeText(text)}`
  })
}

/** The characters of a string type, `undefined` for other types and for bytes that are not in its character set. */
function attributeText({ tag, contents }: DerValue): string | undefined {
  if (tag === Tag.printableString || tag === Tag.ia5String) return asciiString(contents)
  if (tag === Tag.utf8String) return utf8String(contents)
  if (tag === Tag.teletexString) return latin1String(contents) // T.61 on paper, Latin-1 in practice
  if (tag === Tag.bmpString && contents.length % 2 === 0) return utf16String(contents)
  return undefined
}

/** The language itself has one UTF-8 decoder, and it is strict; TextDecoder is the platform's. */
function utf8String(bytes: Uint8Array): string | undefined {
  try {
    return decodeURIComponent(toHex(bytes).replace(/../g, '%$&'))
  } catch {
    return undefined
  }
}

function latin1String(bytes: Uint8Array): string {
  return Array.from(bytes, byte => String.fromCharCode(byte)).join('')
}

function utf16String(bytes: Uint8Array): string {
  let text = ''
  for (let i = 0; i < bytes.length; i += 2) text += String.fromCharCode(bytes[i]! * 256 + bytes[i + 1]!)
  return text
}

/** RFC 4514 §2.4. Control characters are escaped too, so that a name in a log stays on its line. */
function escapeText(text: string): string {
  return text
    .replace(/[\\"+,;<>]/g, '\\$&')
    .replace(/^[ #]| $/g, '\\$&')
    .replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, character => encodeURIComponent(character).replaceAll('%', '\\'))
}
