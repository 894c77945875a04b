import type { Duplex } from 'node:stream'

/**
 * Makes a stream the transport of a TLS connection, in whatever state its last owner leaves it: who read it before gets nothing of
 * the ciphertext, bytes that came already are not lost, and the end of one direction is not that of the other.
 */
export function takeOver(transport: Duplex): void {
  // Before anything else: what is buffered shall wait for us.
  transport.pause()
  transport.unpipe()
  transport.removeAllListeners('data')
  transport.removeAllListeners('readable')
  // Nothing takes an encoding off a stream; this one keeps every byte, also of what it has decoded so far and not given out.
  if (transport.readableEncoding !== null) transport.setEncoding('latin1')
  transport.allowHalfOpen = true
  while (transport.writableCorked > 0) transport.uncork()
}

/** A chunk of such a stream as bytes. */
export function bytesOfChunk(chunk: Uint8Array | string): Uint8Array {
  return typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk
}

/** How long a connection that failed goes on reading, so that its alert is not lost to a TCP reset. */
const lingerMs = 1000

/** Ends the transport but goes on reading for a while: unread bytes would turn the end into a reset, and the alert would be lost. */
export function linger(transport: Duplex): void {
  transport.removeAllListeners('data')
  transport.resume()
  transport.end()
  const timer = setTimeout(() => transport.destroy(), lingerMs)
  transport.once('close', () => clearTimeout(timer))
}

/** Whether it is a net.Socket on its way to its peer, or still to be sent on it. */
export function isConnecting(transport: Duplex): boolean {
  return !transport.destroyed && 'pending' in transport && transport.pending === true
}

/** What a net.Socket can say of where it is; another stream has none of it. */
export const addressNames = [
  'remoteAddress',
  'remotePort',
  'remoteFamily',
  'localAddress',
  'localPort',
  'localFamily',
  'autoSelectFamilyAttemptedAddresses',
] as const

/** Events of a net.Socket on its way to its peer, which its TLSSocket has too. */
export const connectingEvents = [
  'lookup',
  'connectionAttempt',
  'connectionAttemptFailed',
  'connectionAttemptTimeout',
] as const
