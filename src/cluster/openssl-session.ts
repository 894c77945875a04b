/**
 * A session as node:tls hands it out and takes it back: OpenSSL's SSL_SESSION in DER (ssl/ssl_asn1.c), which holds
 * the master secret. It is stored as it is, with what OpenSSL does not look at when it takes a session up again:
 *
 *     u48 created, ms | u32 TTL, s | 16 policy hash | u16 n + SSL_SESSION in DER
 */
import { X509Certificate } from 'node:crypto'
import { decode, opaque, opaqueVector, struct, uint16, uint32, uint48 } from '../wire/codec.ts'
import { Writer } from '../wire/writer.ts'
import { constructedTag, readContents, readSmallNumber, Tag, wholeValue } from '../x509/der.ts'

/** As much of an SSL_SESSION as matters to who stores it. */
export interface OpensslSession {
  /** 0x0303 for TLS 1.2. */
  readonly protocolVersion: number
  /** Empty where the client has a ticket instead (RFC 5077 §3.4). A copy. */
  readonly id: Uint8Array
  /** ms since 1970, in whole seconds. */
  readonly createdMs: number
  /** As the server's `sessionTimeout` says, and no longer than the client's certificate is valid. */
  readonly lifetimeSeconds: number
}

/** Reads an SSL_SESSION. Throws TlsError on what is none. */
export function readOpensslSession(der: Uint8Array): OpensslSession {
  return readContents(wholeValue(der, Tag.sequence, 'SSL_SESSION'), fields => {
    fields.take(Tag.integer, 'version')
    const protocolVersion = readSmallNumber(fields.take(Tag.integer, 'ssl_version'), 0xffff)
    fields.take(Tag.octetString, 'cipher')
    // Not `slice`: that of a Buffer is a view.
    const id = Uint8Array.from(fields.take(Tag.octetString, 'session_id').contents)
    fields.take(Tag.octetString, 'master_key')
    const numberAt = (tag: number, name: string) =>
      fields.inside(constructedTag(tag), name, inner => readSmallNumber(inner.next(name), 2 ** 47))
    const createdMs = numberAt(1, 'time') * 1000
    const timeoutSeconds = numberAt(2, 'timeout')
    const peer = fields.takeOptional(constructedTag(3), 'peer')
    while (!fields.atEnd) fields.next('field')
    const notAfterMs = peer === undefined ? Number.POSITIVE_INFINITY : notAfterOf(peer.contents)
    const validSeconds = Math.max(0, Math.floor((notAfterMs - createdMs) / 1000))
    return { protocolVersion, id, createdMs, lifetimeSeconds: Math.min(timeoutSeconds, validSeconds) }
  })
}

/** 0 for a certificate that cannot be read: its session is over at once. */
function notAfterOf(certificate: Uint8Array): number {
  return Date.parse(new X509Certificate(certificate).validTo) || 0
}

/** An SSL_SESSION that is longer than this is not stored. With a client's certificate it takes about 200 bytes more than that. */
export const maxOpensslSessionBytes = 4000

export interface OpensslRecord {
  readonly createdMs: number
  readonly lifetimeSeconds: number
  /** 16 bytes over the terms of the server that made the session. */
  readonly policyHash: Uint8Array
  readonly der: Uint8Array
}

const opensslRecord = struct({
  createdMs: uint48,
  lifetimeSeconds: uint32,
  policyHash: opaque(16),
  der: opaqueVector(uint16, 1, maxOpensslSessionBytes),
})

/** The result holds the master secret: seal it, then wipe it. Throws TlsError on a DER that is too long. */
export function encodeOpensslRecord(record: OpensslRecord): Uint8Array {
  const writer = new Writer()
  try {
    opensslRecord.write(writer, record)
    return writer.finish()
  } finally {
    writer.wipe()
  }
}

/** Its fields are views of `bytes`. Throws TlsError. */
export function decodeOpensslRecord(bytes: Uint8Array): OpensslRecord {
  return decode(opensslRecord, bytes, 'OpensslRecord')
}
