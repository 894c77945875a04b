/**
 * ClientHello in the form of SSL 2.0, by which clients asked servers of either protocol (RFC 5246 §E.2). It stands where a record
 * would, after two bytes of length of its own, and says nothing that TLS 1.2 added. No client may send it any more (RFC 6176 §3).
 */
import { concatBytes } from '../bytes.ts'
import { Reader } from '../wire/reader.ts'

const helloType = 1
const randomBytes = 32
const specBytes = 3
const nullCompressionAlone = new Uint8Array([1, 0])

/**
 * The body of the ClientHello that a V2ClientHello, without its length, stands for. Throws TlsError DECODE_ERROR for what is none.
 */
export function clientHelloOfV2(message: Uint8Array): Uint8Array {
  const reader = new Reader(message, 'V2ClientHello')
  if (reader.part('msgType', part => part.uint(1)) !== helloType) reader.fail('not a ClientHello of SSL 2.0')
  const version = reader.take(2)
  const cipherSpecLength = reader.uint(2)
  const sessionIdLength = reader.uint(2)
  const challengeLength = reader.uint(2)
  const suites = readSuites(reader, cipherSpecLength)
  reader.part('sessionId', part => part.take(sessionIdLength))
  const challenge = reader.part('challenge', part => part.take(challengeLength))
  reader.finish()
  // "This field MUST have a value of zero for a client that claims to support TLS 1.2", and "16 to 32 bytes" historically.
  if (sessionIdLength !== 0) reader.fail(`a session ID of ${sessionIdLength} bytes`)
  if (challengeLength < 16) reader.fail(`a challenge of ${challengeLength} bytes, wanted at least 16`)
  const suitesLength = new Uint8Array([suites.length >> 8, suites.length & 0xff])
  return concatBytes(
    version,
    randomOf(challenge),
    new Uint8Array(1),
    suitesLength,
    suites,
    nullCompressionAlone,
  )
}

/** V2CipherSpec has three bytes, the first of which is 0 where the others are a suite of TLS. */
function readSuites(reader: Reader, length: number): Uint8Array {
  const specs = reader.part('cipherSpecs', part => part.take(length))
  if (length === 0 || length % specBytes !== 0) reader.fail(`${length} bytes of cipher specs of 3 bytes each`)
  const starts = Array.from({ length: length / specBytes }, (_, i) => i * specBytes)
  const suites = starts.filter(start => specs[start] === 0)
  return concatBytes(...suites.map(start => specs.subarray(start + 1, start + specBytes)))
}

/** "The TLS server will pad the data with leading (note: not trailing) zero bytes to make it 32 bytes long." */
function randomOf(challenge: Uint8Array): Uint8Array {
  const random = new Uint8Array(randomBytes)
  const used = challenge.subarray(0, randomBytes)
  random.set(used, randomBytes - used.length)
  return random
}
