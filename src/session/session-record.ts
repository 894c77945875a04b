import { asciiBytes, asciiString } from '../bytes.ts'
import { type CipherSuiteName, cipherSuiteNames, cipherSuites } from '../crypto/cipher-suites.ts'
import { TlsError } from '../errors.ts'
import { Secret } from '../secret.ts'
import {
  decode,
  type Infer,
  opaque,
  opaqueVector,
  struct,
  uint8,
  uint16,
  uint32,
  uint48,
} from '../wire/codec.ts'
import { Writer } from '../wire/writer.ts'
import { maxLifetimeSeconds, type Session } from './session.ts'

/** The version of this record. Another one is not ours to read. */
export const sessionRecordVersion = 1

/** A session whose peer certificate is longer than this is not made resumable. */
export const maxPeerCertificateBytes = 3072

const flagBits = { extendedMasterSecret: 1, clientAuthenticated: 2 } as const

/** The plaintext of a stored session, before it is sealed: no JSON, no optional parts, every length checked. */
export const sessionRecord = struct({
  version: uint8,
  protocolVersion: uint16,
  cipherSuite: uint16,
  flags: uint8,
  maxFragmentLengthCode: uint8,
  createdMs: uint48,
  lifetimeSeconds: uint32,
  masterSecret: opaque(48),
  clientRandom: opaque(32),
  serverRandom: opaque(32),
  serverName: opaqueVector(uint8, 0, 255),
  policyHash: opaque(16),
  peerCertificate: opaqueVector(uint16, 0, maxPeerCertificateBytes),
})

/** Encodes a session. The result holds the master secret: seal it, then wipe it. */
export function encodeSession(session: Session): Uint8Array {
  const writer = new Writer()
  try {
    sessionRecord.write(writer, recordOf(session))
    return writer.finish()
  } finally {
    writer.wipe()
  }
}

/**
 * Decodes a session into copies of its own, so that the caller may wipe `bytes`. Throws TlsError on anything
 * but a record of this version with sane fields: for a server that is a miss, never an alert.
 */
export function decodeSession(bytes: Uint8Array): Session {
  const record = decode(sessionRecord, bytes, 'SessionRecord')
  const cipherSuite = suiteOfNumber(record.cipherSuite)
  const serverName = asciiString(record.serverName)
  refuseUnless(record.version === sessionRecordVersion, `version ${record.version}`)
  refuseUnless(record.protocolVersion === 0x0303, `protocol version ${record.protocolVersion}`)
  refuseUnless(record.flags <= 3, `flags ${record.flags}`)
  const isVerified = (record.flags & flagBits.clientAuthenticated) !== 0
  refuseUnless(!isVerified || record.peerCertificate.length > 0, 'a verified client without a certificate')
  refuseUnless(record.maxFragmentLengthCode <= 4, `max_fragment_length ${record.maxFragmentLengthCode}`)
  refuseUnless(record.lifetimeSeconds <= maxLifetimeSeconds, `a lifetime of ${record.lifetimeSeconds} s`)
  // No PRF gives 48 zeros; a session that was wiped before it was stored has them.
  refuseUnless(
    record.masterSecret.some(byte => byte !== 0),
    'a master secret of zeros',
  )
  return {
    protocolVersion: 0x0303,
    cipherSuite,
    extendedMasterSecret: (record.flags & flagBits.extendedMasterSecret) !== 0,
    clientAuthenticated: isVerified,
    maxFragmentLengthCode: record.maxFragmentLengthCode,
    createdMs: record.createdMs,
    lifetimeSeconds: record.lifetimeSeconds,
    masterSecret: new Secret(record.masterSecret.slice()),
    clientRandom: record.clientRandom.slice(),
    serverRandom: record.serverRandom.slice(),
    serverName: serverName ?? refuse('a server name outside ASCII'),
    policyHash: record.policyHash.slice(),
    peerCertificate: record.peerCertificate.slice(),
  }
}

export type SessionRecord = Infer<typeof sessionRecord>

function recordOf(session: Session): SessionRecord {
  return {
    version: sessionRecordVersion,
    protocolVersion: session.protocolVersion,
    cipherSuite: cipherSuites[session.cipherSuite].number,
    flags:
      (session.extendedMasterSecret ? flagBits.extendedMasterSecret : 0) |
      (session.clientAuthenticated ? flagBits.clientAuthenticated : 0),
    maxFragmentLengthCode: session.maxFragmentLengthCode,
    createdMs: session.createdMs,
    lifetimeSeconds: session.lifetimeSeconds,
    masterSecret: session.masterSecret.reveal(),
    clientRandom: session.clientRandom,
    serverRandom: session.serverRandom,
    serverName: asciiBytes(session.serverName),
    policyHash: session.policyHash,
    peerCertificate: session.peerCertificate,
  }
}

function suiteOfNumber(number: number): CipherSuiteName {
  return (
    cipherSuiteNames.find(name => cipherSuites[name].number === number) ?? refuse(`cipher suite ${number}`)
  )
}

function refuseUnless(condition: boolean, what: string): void {
  if (!condition) refuse(what)
}

function refuse(what: string): never {
  throw new TlsError('DECODE_ERROR', `SessionRecord: ${what} is not one this version stores`)
}
