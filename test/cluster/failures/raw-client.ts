/** A client that says what it likes, byte by byte, and never finishes a handshake. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import {
  cat,
  clientHelloBody,
  contentTypes,
  type ExtensionByHand,
  extensions,
  handshakeMessage,
  plainRecord,
} from '../../support/by-hand.ts'

/** What a server answered, record by record, in the clear. */
export interface Answer {
  /** Types of the handshake messages before the first protected record (RFC 5246 §7.4). */
  readonly messages: readonly number[]
  /** Of its ServerHello, in hexadecimal. */
  readonly sessionId: string | undefined
  /** Description of a fatal alert in the clear (RFC 5246 §7.2). */
  readonly alert: number | undefined
  /** Types of all records. */
  readonly records: readonly number[]
}

/** The flight of figure 1 with RSA key exchange ends here; that of figure 2 with ChangeCipherSpec and a protected record. */
const isWhole = ({ messages, records, alert }: Answer) =>
  alert !== undefined ||
  messages.includes(serverHelloDone) ||
  records.slice(-2).join() === `${contentTypes.change_cipher_spec},${contentTypes.handshake}`

const serverHello = 2
const serverHelloDone = 14

/** ClientHello in one record; one suite, `TLS_RSA_WITH_AES_128_GCM_SHA256`, and TLS 1.2 unless it is told otherwise. */
export function helloRecord(
  sessionId: Uint8Array,
  more: readonly ExtensionByHand[] = [],
  other: { readonly suites?: readonly number[]; readonly version?: number } = {},
): Uint8Array {
  const usual = [extensions.serverName('localhost'), extensions.renegotiationInfo]
  const hello = { sessionId, extensions: [...usual, extensions.extendedMasterSecret, ...more], ...other }
  return plainRecord(contentTypes.handshake, handshakeMessage(1, clientHelloBody(hello)))
}

export class RawClient {
  readonly socket: Socket
  #received = Buffer.alloc(0)
  #wake = () => {}
  #isClosed = false

  constructor(port: number) {
    this.socket = connect({ host: '127.0.0.1', port, noDelay: true })
    this.socket.on('error', () => {})
    this.socket.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#wake()
    })
    this.socket.on('close', () => {
      this.#isClosed = true
      this.#wake()
    })
  }

  send(bytes: Uint8Array): this {
    this.socket.write(bytes)
    return this
  }

  /** Waits for a whole flight, or the connection's end. */
  flight(): Promise<Answer> {
    return this.until(isWhole)
  }

  /** Waits for the connection's end: whether an alert came before, in the clear or protected, is in its records. */
  async closed(): Promise<Answer> {
    return this.until(() => false)
  }

  async until(found: (answer: Answer) => boolean): Promise<Answer> {
    for (;;) {
      const answer = readAnswer(this.#received)
      if (found(answer) || this.#isClosed) return answer
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  async hangUp(): Promise<void> {
    if (this.#isClosed) return
    this.socket.destroy()
    await once(this.socket, 'close')
  }
}

/** Says a hello, hears the answer, and goes away. */
export async function answerTo(port: number, hello: Uint8Array): Promise<Answer> {
  const client = new RawClient(port).send(hello)
  const answer = await client.flight()
  await client.hangUp()
  return answer
}

/** ChangeCipherSpec, and a record that no key opens where Finished should be. */
export const badFinished = cat(
  plainRecord(contentTypes.change_cipher_spec, Uint8Array.of(1)),
  plainRecord(contentTypes.handshake, new Uint8Array(40).fill(0x5a)),
)

/** What a server has said so far. */
export function readAnswer(bytes: Buffer): Answer {
  const records: number[] = []
  let clear = Buffer.alloc(0)
  let alert: number | undefined
  for (let at = 0; at + 5 <= bytes.length; ) {
    const end = at + 5 + bytes.readUInt16BE(at + 3)
    if (end > bytes.length) break
    const type = bytes[at]!
    const isProtected = records.includes(contentTypes.change_cipher_spec)
    if (type === contentTypes.handshake && !isProtected)
      clear = Buffer.concat([clear, bytes.subarray(at + 5, end)])
    if (type === contentTypes.alert && !isProtected && bytes[at + 5] === 2) alert = bytes[at + 6]
    records.push(type)
    at = end
  }
  return { ...messagesIn(clear), alert, records }
}

function messagesIn(bytes: Buffer): Pick<Answer, 'messages' | 'sessionId'> {
  const messages: number[] = []
  let sessionId: string | undefined
  for (let at = 0; at + 4 <= bytes.length; ) {
    const end = at + 4 + bytes.readUIntBE(at + 1, 3)
    if (end > bytes.length) break
    messages.push(bytes[at]!)
    // Version and random stand before it (RFC 5246 §7.4.1.3).
    if (bytes[at] === serverHello) {
      const idAt = at + 4 + 34
      sessionId = bytes.subarray(idAt + 1, idAt + 1 + bytes[idAt]!).toString('hex')
    }
    at = end
  }
  return { messages, sessionId }
}
