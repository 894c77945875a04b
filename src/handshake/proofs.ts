/**
 * Proof values: they cannot be made outside this file, and what depends on a check asks for its proof. So a
 * handshake that skips the check does not compile.
 */
import { equalBytes } from '../bytes.ts'
import { TlsError } from '../errors.ts'

declare const proof: unique symbol

/** The peer's Finished was the one this handshake demands: it saw the same messages and has the same keys. */
export interface PeerFinished {
  readonly [proof]: 'PeerFinished'
}

/** No handshake message is half received, so the read state may change (RFC 5246 §7.1). */
export interface HandshakeAligned {
  readonly [proof]: 'HandshakeAligned'
}

/** Compares in constant time (RFC 5246 §7.4.9); throws decrypt_error. */
export function verifyFinished(received: Uint8Array, expected: Uint8Array): PeerFinished {
  if (!equalBytes(received, expected)) {
    throw new TlsError(
      'DIGEST_CHECK_FAILED',
      "Finished.verifyData is not that of this handshake's messages and keys",
    )
  }
  return {} as PeerFinished
}

/** Throws unexpected_message when a ChangeCipherSpec cuts a handshake message in two. */
export function verifyAligned(isAligned: boolean): HandshakeAligned {
  if (!isAligned)
    throw new TlsError('UNALIGNED_CHANGE_CIPHER_SPEC', 'ChangeCipherSpec came inside a handshake message')
  return {} as HandshakeAligned
}
