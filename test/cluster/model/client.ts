/** A client of the cluster: a puppet, which does its side of the handshake with node:crypto alone, before a server's Connection. */
import type { CipherSuiteName } from '../../../src/crypto/cipher-suites.ts'
import { type Bytes, type ExtensionByHand, extensions, none } from '../../support/by-hand.ts'
import { certificateDer } from '../../support/identities.ts'
import { Side } from '../../support/pair.ts'
import { Puppet, suiteBytes } from '../../support/puppet.ts'
import { type KnownSession, type Offer, type Terms, Violation } from './rules.ts'
import type { ModelServer } from './server.ts'
import { virtualTime } from './virtual-time.ts'

/** The most that a look-up may add to a handshake. */
const budgetMs = 50

/** One handshake under way. `lost`: its server died. */
export class Attempt {
  readonly server: ModelServer
  readonly offer: Offer
  state: 'hello' | 'key_exchange' | 'done' | 'refused' | 'lost' = 'hello'
  resumed = false
  /** What a full handshake made, when its server gave it an ID. */
  made: KnownSession | undefined
  readonly #side: Side
  readonly #puppet: Puppet
  /** The server's when the connection came. */
  readonly #terms: Terms
  /** The step at which the look-up began that an answer rests on. */
  readonly #lookupStep: number
  readonly #startStep: number
  readonly #startedMs = virtualTime.nowMs
  readonly #isLookedUp: boolean

  constructor(server: ModelServer, offer: Offer, random: (length: number) => Uint8Array) {
    this.server = server
    this.offer = offer
    const { session, foreignId, extendedMasterSecret, identity } = offer
    this.#terms = server.terms
    this.#startStep = server.network.step
    this.#lookupStep = session === undefined ? this.#startStep : server.lookupStep(session.id)
    const requestsBefore = server.network.requests
    this.#side = new Side(...server.accept())
    const id = foreignId ?? session?.id
    this.#puppet = new Puppet('client', this.#side, {
      extendedMasterSecret,
      ...(identity && { identity }),
      session: id && { id, masterSecret: session?.masterSecret ?? none },
      hello: {
        random: random(32),
        suites: offer.suites.map(numberOf),
        extensions: extensionsOf(offer),
      },
    })
    this.#puppet.preMasterSecret = Uint8Array.of(3, 3, ...random(46))
    this.#speak(() => this.#puppet.say('client_hello', this.#puppet.rightBody('client_hello')))
    this.#isLookedUp = server.network.requests > requestsBefore
    this.progress()
  }

  get isOver(): boolean {
    return this.state !== 'hello' && this.state !== 'key_exchange'
  }

  lose(): void {
    if (!this.isOver) this.state = 'lost'
  }

  /** Says what is due, and looks at what came. Throws a Violation. */
  progress(): void {
    if (this.isOver) return
    this.#speak(() => this.#puppet.listen())
    if (this.#puppet.alert !== undefined) return this.#beRefused()
    if (this.state === 'hello') this.#answerHello()
    if (this.state === 'key_exchange' && this.#hears('finished')) this.#endFull()
    if (this.isOver && this.offer.foreignId !== undefined && this.#isLookedUp)
      throw new Violation('foreign_id', 'an ID that nobody drew made a request')
    if (!this.isOver && virtualTime.nowMs > this.#startedMs + budgetMs)
      throw new Violation('budget', `no ServerHello after ${virtualTime.nowMs - this.#startedMs} ms`)
  }

  /** A fatal alert on the open connection (RFC 5246 §7.2.2): bad_record_mac. */
  sendFatalAlert(): void {
    this.#speak(() => this.#puppet.send('alert', Uint8Array.of(2, 20)))
  }

  #hears(type: 'finished' | 'server_hello' | 'server_hello_done' | 'certificate_request'): Bytes | undefined {
    return this.#puppet.heardMessage(type)
  }

  #speak(speech: () => void): void {
    try {
      speech()
    } catch (error) {
      // The server's Finished did not open, say. If it resumed, it must be judged for that first.
      if (this.state === 'hello' && this.#hears('server_hello')) this.#answerHello()
      throw error instanceof Violation
        ? error
        : new Violation('handshake', `with ${this.server.id}: ${error}`)
    }
  }

  #answerHello(): void {
    const hello = this.#hears('server_hello')
    if (hello === undefined) return
    const offered = this.offer.foreignId ?? this.offer.session?.id
    if (offered !== undefined && Buffer.from(sessionIdOf(hello)).equals(offered)) return this.#resume(hello)
    if (this.#hears('server_hello_done') === undefined) return
    this.state = 'key_exchange'
    this.#speak(() => {
      const puppet = this.#puppet
      const isAsked = this.#hears('certificate_request') !== undefined
      if (isAsked) puppet.say('certificate', puppet.rightBody('certificate'))
      puppet.say('client_key_exchange', puppet.rightBody('client_key_exchange'))
      if (isAsked && this.offer.identity)
        puppet.say('certificate_verify', puppet.rightBody('certificate_verify'))
      puppet.changeCipherSpec()
      puppet.say('finished', puppet.rightBody('finished'))
    })
  }

  #resume(hello: Bytes): void {
    this.resumed = true
    this.server.judge(this.offer, {
      chosen: suiteOf(hello, this.offer),
      terms: this.#terms,
      startStep: this.#startStep,
      lookupStep: this.#lookupStep,
    })
    this.state = 'done'
    if (!this.#isFinishedRight())
      throw new Violation('master_secret', `${this.server.id} resumed with another master secret`)
    this.#speak(() => {
      this.#puppet.changeCipherSpec()
      this.#puppet.say('finished', this.#puppet.rightBody('finished'))
    })
    this.#compareEnds()
    const { certificate } = this.offer.session!
    const shown = this.#side.established!.peerCertificates[0]
    if (!Buffer.from(shown ?? none).equals(certificate ?? none))
      throw new Violation('peer_certificate', 'the resumed connection shows another client certificate')
  }

  #endFull(): void {
    this.state = 'done'
    if (!this.#isFinishedRight())
      throw new Violation('handshake', 'the Finished of a full handshake is wrong')
    this.#compareEnds()
    const hello = this.#hears('server_hello')!
    const id = sessionIdOf(hello)
    if (id.length === 0) return
    const { serverName, extendedMasterSecret, identity } = this.offer
    const shows = this.#hears('certificate_request') ? identity : undefined
    this.made = {
      ...{ id, serverName, extendedMasterSecret, identity: shows },
      masterSecret: Uint8Array.from(this.#puppet.masterSecret!),
      suite: suiteOf(hello, this.offer),
      certificate: shows && certificateDer(shows),
      terms: this.#terms,
      createdMs: this.server.nowMs,
    }
  }

  /** RFC 5246 §7.4.9, over all messages before it. */
  #isFinishedRight(): boolean {
    const finished = this.#hears('finished')
    const messages = this.#puppet.handshakeMessages
    return (
      finished !== undefined &&
      Buffer.from(finished).equals(this.#puppet.verifyData('server', messages.subarray(0, -16)))
    )
  }

  #compareEnds(): void {
    const { established } = this.#side
    if (established === undefined)
      throw new Violation(
        'handshake',
        `${this.server.id} did not take the client's Finished: ${this.#side.error}`,
      )
    const theirs = established.session.masterSecret.reveal()
    if (!Buffer.from(theirs).equals(this.#puppet.masterSecret!))
      throw new Violation('master_secret', `client and ${this.server.id} have different master secrets`)
  }

  /** RFC 7627 §5.3 demands an abort of one sort of hello; nothing else is refused. */
  #beRefused(): void {
    this.state = 'refused'
    const { session, extendedMasterSecret } = this.offer
    if (session?.extendedMasterSecret && !extendedMasterSecret) return
    throw new Violation('handshake', `${this.server.id} refused: ${this.#side.error}`)
  }
}

const numberOf = (suite: CipherSuiteName): number => Buffer.from(suiteBytes(suite)).readUInt16BE()

const sessionIdOf = (serverHello: Bytes): Bytes => serverHello.slice(35, 35 + serverHello[34]!)

function suiteOf(serverHello: Bytes, offer: Offer): CipherSuiteName {
  const at = 35 + serverHello[34]!
  const chosen = (serverHello[at]! << 8) | serverHello[at + 1]!
  const known = [...offer.suites, ...(offer.session ? [offer.session.suite] : [])]
  return known.find(suite => numberOf(suite) === chosen)!
}

function extensionsOf({ serverName, extendedMasterSecret }: Offer): readonly ExtensionByHand[] {
  return [
    ...(serverName === undefined ? [] : [extensions.serverName(serverName)]),
    extensions.renegotiationInfo,
    ...(extendedMasterSecret ? [extensions.extendedMasterSecret] : []),
  ]
}
