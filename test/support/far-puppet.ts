/** A puppet at one end of a TCP connection: whatever speaks TLS at the other, node:tls or ours, is its subject. */
import type { Socket } from 'node:net'
import type { HandshakeType } from '../../src/messages/handshake.ts'
import { Puppet, type PuppetOptions, type PuppetStep, type Subject } from './puppet.ts'

/** The far end of a connection, as a puppet sees it. */
class FarSubject implements Subject {
  readonly driver = { start: () => {}, receive: (bytes: Uint8Array) => void this.#transport.write(bytes) }
  readonly #transport: Socket
  #received: Buffer[] = []

  constructor(transport: Socket) {
    this.#transport = transport
    transport.on('data', chunk => this.#received.push(chunk))
  }

  take(): Uint8Array {
    return Buffer.concat(this.#received.splice(0))
  }
}

/** What the peer has to have said before a puppet of this role can go on with a step of a full handshake (RFC 5246 §7.3). */
const answersTo: Readonly<Partial<Record<`${'client' | 'server'} ${PuppetStep}`, HandshakeType>>> = {
  'client certificate': 'server_hello_done',
  'client client_key_exchange': 'server_hello_done',
  'server server_hello': 'client_hello',
  'server change_cipher_spec': 'finished',
}

export class FarPuppet {
  readonly puppet: Puppet<Subject>
  readonly transport: Socket
  #isOver = false

  constructor(role: 'client' | 'server', transport: Socket, options: PuppetOptions = {}) {
    this.transport = transport
    this.puppet = new Puppet(role, new FarSubject(transport), options)
    transport.on('error', () => {})
    for (const event of ['end', 'close'])
      transport.on(event, () => {
        this.#isOver = true
      })
  }

  /** Takes the steps of the handshake up to this one, without it, and waits for what comes before it; all of them by default. */
  async advance(until?: PuppetStep): Promise<void> {
    const { puppet } = this
    const { steps } = puppet
    const end = until === undefined ? steps.length : steps.indexOf(until)
    const isFull = steps.includes('certificate') || steps.includes('client_key_exchange')
    for (const [i, step] of steps.entries()) {
      const awaited = answersTo[`${puppet.role} ${step}`]
      if (awaited && (isFull || awaited === 'client_hello') && i <= end) await this.heard(awaited)
      if (i >= end) return
      if (step === 'change_cipher_spec') puppet.changeCipherSpec()
      else puppet.say(step, puppet.rightBody(step))
    }
  }

  /** Waits until the peer has sent this message; rejects when the connection ends before. */
  async heard(type: HandshakeType): Promise<void> {
    const { puppet } = this
    for (puppet.listen(); puppet.heardMessage(type) === undefined; puppet.listen()) {
      if (this.#isOver) throw new Error(`the connection ended before ${type} came`)
      await new Promise<void>(resolve => {
        for (const event of ['data', 'end', 'close']) this.transport.once(event, () => resolve())
      })
    }
  }
}
