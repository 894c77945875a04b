import { deriveVerifyData } from '../crypto/key-schedule.ts'
import { TlsError } from '../errors.ts'
import type { Handshake } from './effects.ts'
import type { ConnectionKeys, Flow } from './flow.ts'
import { receive, receiveChangeCipherSpec } from './gate.ts'
import { type PeerFinished, verifyFinished } from './proofs.ts'

/** Ends our side: ChangeCipherSpec, then Finished as the first message under the new keys (RFC 5246 §7.4.9). */
export function sendChangeCipherSpecAndFinished(hs: Flow, keys: ConnectionKeys): void {
  hs.sendChangeCipherSpec(keys)
  const verifyData = verifyDataOf(hs, keys, hs.config.role)
  hs.verifyData[hs.config.role] = verifyData
  hs.send('finished', { verifyData })
}

/** Waits for the peer's end and verifies it. */
export function* receiveChangeCipherSpecAndFinished(hs: Flow, keys: ConnectionKeys): Handshake<PeerFinished> {
  const aligned = yield* receiveChangeCipherSpec(hs)
  hs.changeReadState(keys, aligned)
  // The hash covers all messages before this Finished, which `receive` is about to add.
  const expected = verifyDataOf(hs, keys, hs.peerRole)
  const { verifyData } = yield* receive(hs, 'finished')
  const proof = verifyFinished(verifyData, expected)
  hs.verifyData[hs.peerRole] = expected
  // Nothing may follow in its record: a message there was sent before the peer had seen our end.
  if (!hs.channel.isAligned)
    throw new TlsError('UNEXPECTED_MESSAGE', 'handshake bytes came behind Finished in its record')
  return proof
}

function verifyDataOf(hs: Flow, keys: ConnectionKeys, role: 'client' | 'server'): Uint8Array {
  return deriveVerifyData(hs.config.provider, keys.suite, keys.masterSecret, {
    role,
    handshakeHash: hs.transcript.digest(),
  })
}
