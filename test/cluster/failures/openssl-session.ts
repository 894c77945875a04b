/** Sessions as OpenSSL keeps them (SSL_SESSION in DER, ssl/ssl_asn1.c), taken apart and put together by hand. */

/** SEQUENCE { version, protocol, cipher, session ID, master key, ... }: what comes after is kept as it is. */
interface Parts {
  readonly before: readonly Buffer[]
  readonly sessionId: Buffer
  readonly masterSecret: Buffer
  readonly after: readonly Buffer[]
}

/** The 32 bytes that a client offers, and what is never to be seen outside of it. */
export function readSession(der: Buffer): { readonly sessionId: Buffer; readonly masterSecret: Buffer } {
  const { sessionId, masterSecret } = partsOf(der)
  return { sessionId, masterSecret }
}

/** The same session under another ID of up to 32 bytes, or with another master secret. */
export function changeSession(
  der: Buffer,
  change: { readonly sessionId?: Uint8Array; readonly masterSecret?: Uint8Array },
): Buffer {
  const { before, sessionId, masterSecret, after } = partsOf(der)
  const octets = [change.sessionId ?? sessionId, change.masterSecret ?? masterSecret].map(bytes =>
    element(0x04, bytes),
  )
  return element(0x30, Buffer.concat([...before, ...octets, ...after]))
}

function partsOf(der: Buffer): Parts {
  const elements = split(contentOf(der))
  const [sessionId, masterSecret] = elements.slice(3, 5).map(contentOf)
  return {
    before: elements.slice(0, 3),
    sessionId: sessionId!,
    masterSecret: masterSecret!,
    after: elements.slice(5),
  }
}

function split(content: Buffer): Buffer[] {
  const elements: Buffer[] = []
  for (let at = 0; at < content.length; ) {
    const { start, length } = headerOf(content.subarray(at))
    elements.push(content.subarray(at, at + start + length))
    at += start + length
  }
  return elements
}

function contentOf(der: Buffer): Buffer {
  const { start, length } = headerOf(der)
  return der.subarray(start, start + length)
}

/** Tag and length of X.690 §8.1, of one byte and of up to 64 KB. */
function headerOf(der: Buffer): { start: number; length: number } {
  const first = der[1]!
  if (first < 0x80) return { start: 2, length: first }
  const bytes = first & 0x7f
  return { start: 2 + bytes, length: der.readUIntBE(2, bytes) }
}

function element(tag: number, content: Uint8Array): Buffer {
  const { length } = content
  const header = length < 0x80 ? [tag, length] : [tag, 0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.from(header), content])
}
