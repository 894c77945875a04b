import { asciiString } from '../bytes.ts'
import {
  constructedTag,
  type DerReader,
  type DerValue,
  implicitTag,
  readBitString,
  readBoolean,
  readContents,
  readItems,
  readObjectIdentifier,
  readSmallNumber,
  refuse,
  Tag,
  wholeValue,
} from './der.ts'
import { Oid } from './object-identifiers.ts'

/** What a certificate may be used for, bit 0 first (RFC 5280 §4.2.1.3). */
export const keyUsageNames = [
  'digitalSignature',
  'nonRepudiation',
  'keyEncipherment',
  'dataEncipherment',
  'keyAgreement',
  'keyCertSign',
  'cRLSign',
  'encipherOnly',
  'decipherOnly',
] as const
export type KeyUsage = (typeof keyUsageNames)[number]

/** The extensions we know, `undefined` where a certificate has none, and what else it insists on. */
export interface CertificateExtensions {
  /** RFC 5280 §4.2.1.9. */
  readonly basicConstraints: BasicConstraints | undefined
  /** RFC 5280 §4.2.1.3. */
  readonly keyUsage: readonly KeyUsage[] | undefined
  /** Object identifiers, dotted (RFC 5280 §4.2.1.12). */
  readonly extendedKeyUsage: readonly string[] | undefined
  /** RFC 5280 §4.2.1.6. */
  readonly subjectAltName: SubjectAltName | undefined
  /** Critical extensions that we do not process: who relies on the certificate must refuse it (RFC 5280 §4.2). */
  readonly unknownCritical: readonly string[]
}

export interface BasicConstraints {
  readonly cA: boolean
  /** How many intermediate certificates may stand between this one and the leaf; `undefined`: any number. */
  readonly pathLenConstraint: number | undefined
}

/** The names a TLS client compares; names of other forms (mail addresses, URIs) are skipped. */
export interface SubjectAltName {
  readonly dnsNames: readonly string[]
  /** 4 bytes for IPv4, 16 for IPv6. */
  readonly ipAddresses: readonly Uint8Array[]
}

/** What a certificate without extensions has. */
export const noExtensions: CertificateExtensions = {
  basicConstraints: undefined,
  keyUsage: undefined,
  extendedKeyUsage: undefined,
  subjectAltName: undefined,
  unknownCritical: [],
}

/** Extension ::= SEQUENCE { extnID, critical BOOLEAN DEFAULT FALSE, extnValue OCTET STRING } (RFC 5280 §4.1). */
interface Extension {
  readonly id: string
  readonly critical: boolean
  readonly value: Uint8Array
}

/** Reads Extensions (RFC 5280 §4.2); none may come twice. Throws TlsError BAD_CERTIFICATE. */
export function readExtensions(list: DerValue): CertificateExtensions {
  const byId = new Map<string, Extension>()
  for (const extension of readItems(list, readExtension)) {
    if (byId.has(extension.id)) refuse(list.path, `the extension ${extension.id} twice`)
    byId.set(extension.id, extension)
  }
  const known = <T>(id: string, tag: number, name: string, read: (value: DerValue) => T): T | undefined => {
    const extension = byId.get(id)
    byId.delete(id)
    return extension && read(wholeValue(extension.value, tag, `${list.path}.${name}`))
  }
  return {
    basicConstraints: known(Oid.basicConstraints, Tag.sequence, 'BasicConstraints', readBasicConstraints),
    keyUsage: known(Oid.keyUsage, Tag.bitString, 'KeyUsage', readKeyUsage),
    extendedKeyUsage: known(Oid.extKeyUsage, Tag.sequence, 'ExtKeyUsageSyntax', readExtendedKeyUsage),
    subjectAltName: known(Oid.subjectAltName, Tag.sequence, 'SubjectAltName', readSubjectAltName),
    unknownCritical: [...byId.values()]
      .filter(extension => extension.critical)
      .map(extension => extension.id),
  }
}

function readExtension(reader: DerReader, index: string): Extension {
  return reader.inside(Tag.sequence, index, fields => ({
    id: readObjectIdentifier(fields.take(Tag.objectIdentifier, 'extnID')),
    critical: readFlag(fields, 'critical'),
    value: fields.take(Tag.octetString, 'extnValue').contents,
  }))
}

/** BOOLEAN DEFAULT FALSE: DER leaves out what is the default (X.690 §11.5), so what is there says true. */
function readFlag(fields: DerReader, name: string): boolean {
  const value = fields.takeOptional(Tag.boolean, name)
  if (value && !readBoolean(value)) refuse(value.path, 'FALSE written out, although it is the default')
  return value !== undefined
}

function readBasicConstraints(value: DerValue): BasicConstraints {
  return readContents(value, fields => {
    const cA = readFlag(fields, 'cA')
    const pathLength = fields.takeOptional(Tag.integer, 'pathLenConstraint')
    return { cA, pathLenConstraint: pathLength && readSmallNumber(pathLength, 255) }
  })
}

function readKeyUsage(value: DerValue): KeyUsage[] {
  const { bytes } = readBitString(value)
  const usages = keyUsageNames.filter((_, bit) => ((bytes[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0)
  if (usages.length === 0) refuse(value.path, 'no usage at all, wanted at least one bit')
  return usages
}

function readExtendedKeyUsage(value: DerValue): string[] {
  return readItems(value, (reader, index) => readObjectIdentifier(reader.take(Tag.objectIdentifier, index)))
}

/** GeneralName is a CHOICE; dNSName is `[2]`, iPAddress `[7]`. */
function readSubjectAltName(value: DerValue): SubjectAltName {
  const dnsNames: string[] = []
  const ipAddresses: Uint8Array[] = []
  for (const name of readItems(value, (reader, index) => reader.next(index))) {
    if (name.tag === implicitTag(2)) dnsNames.push(readDnsName(name))
    else if (name.tag === implicitTag(7)) ipAddresses.push(readIpAddress(name))
    else if (!otherNameTags.has(name.tag)) refuse(name.path, 'not a GeneralName')
  }
  return { dnsNames, ipAddresses }
}

/** otherName, rfc822Name, x400Address, directoryName, ediPartyName, URI, registeredID. */
const otherNameTags: ReadonlySet<number> = new Set([
  constructedTag(0),
  implicitTag(1),
  constructedTag(3),
  constructedTag(4),
  constructedTag(5),
  implicitTag(6),
  implicitTag(8),
])

function readDnsName(name: DerValue): string {
  const text = asciiString(name.contents)
  if (text === undefined) refuse(name.path, 'a dNSName that is not ASCII')
  return text
}

function readIpAddress(name: DerValue): Uint8Array {
  const { length } = name.contents
  if (length !== 4 && length !== 16) refuse(name.path, `an iPAddress of ${length} bytes, wanted 4 or 16`)
  return name.contents
}
