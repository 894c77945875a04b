import { toHex } from '../bytes.ts'
import { type CipherSuite, type CipherSuiteName, cipherSuite } from '../crypto/cipher-suites.ts'
import { deriveKeyBlock, type KeyBlock, type Randoms, wipeKeyBlock } from '../crypto/key-schedule.ts'
import { changeCipherSpec, changeCipherSpecType } from '../messages/change-cipher-spec.ts'
import { encodeHandshake, type HandshakeBody, type HandshakeType } from '../messages/handshake.ts'
import { createProtection, type Protection } from '../record/protection.ts'
import type { Secret } from '../secret.ts'
import { maxLifetimeSeconds, type Session } from '../session/session.ts'
import { encode } from '../wire/codec.ts'
import { type ClientConfig, defaultSessionLifetimeSeconds, type ServerConfig } from './config.ts'
import type { ResumptionResult } from './effects.ts'
import type { HandshakeAligned, PeerFinished } from './proofs.ts'
import { Transcript } from './transcript.ts'

/** What the connection lends a handshake: its records. Every one of these returns at once. */
export interface RecordChannel {
  send(type: 'handshake' | 'change_cipher_spec', bytes: Uint8Array): void
  fixVersion(): void
  changeReadState(state: Protection): void
  changeWriteState(state: Protection): void
  /** Whether no handshake message is half received. */
  readonly isAligned: boolean
  /** Counts something a peer may do a few times only; throws TOO_MANY_WARNING_ALERTS. */
  tolerate(what: string): void
  /** From here on a fatal alert makes the session of this ID unusable (RFC 5246 §7.2.2). */
  bindSession(sessionId: Uint8Array): void
  /** A line for the NSS key log. */
  keylog(line: string): void
}

/** How a handshake ended. */
export interface Established {
  readonly suite: CipherSuiteName
  readonly resumed: boolean
  /** Why it resumed or did not; a client knows only whether the server took its session up. */
  readonly resumption: ResumptionResult
  /** Empty when the server does not keep the session. */
  readonly sessionId: Uint8Array
  readonly session: Session
  readonly serverName: string | undefined
  readonly encryptThenMac: boolean
  /** The server's chain in DER as it came; empty on the server, and when resumed. */
  readonly peerCertificates: readonly Uint8Array[]
  /** Client: whether the server's certificate was verified, now or when the session was made. */
  readonly verified: boolean
  readonly peerFinished: PeerFinished
}

/** The keys that both ChangeCipherSpecs switch to. */
export interface ConnectionKeys {
  readonly suite: CipherSuite
  readonly masterSecret: Secret
  readonly keyBlock: KeyBlock
  readonly encryptThenMac: boolean
}

/** One handshake under way: its configuration, its transcript, and the commands that never wait. */
export class Flow<C extends ClientConfig | ServerConfig = ClientConfig | ServerConfig> {
  readonly config: C
  readonly channel: RecordChannel
  readonly transcript: Transcript

  constructor(config: C, channel: RecordChannel) {
    this.config = config
    this.channel = channel
    this.transcript = new Transcript(config.provider)
  }

  random(length: number): Uint8Array {
    return this.config.random(length)
  }

  get cipherSuites(): readonly CipherSuiteName[] {
    return this.config.cipherSuites ?? this.config.provider.cipherSuites
  }

  get sessionLifetimeSeconds(): number {
    return Math.min(this.config.sessionLifetimeSeconds ?? defaultSessionLifetimeSeconds, maxLifetimeSeconds)
  }

  /** Sends a handshake message and adds it to the transcript. */
  send<T extends HandshakeType>(type: T, value: HandshakeBody<T>): void {
    const message = encodeHandshake(type, value)
    this.transcript.add(message)
    this.channel.send('handshake', message)
  }

  /** ServerHello was sent or received: the suite fixes the transcript's hash, the version that of all records. */
  startSuite(suite: CipherSuiteName): void {
    this.transcript.start(cipherSuite(suite).prfHash)
    this.channel.fixVersion()
  }

  /** Keys of this connection from a master secret, fresh or resumed: the randoms are always this hello's (RFC 5246 §6.3). */
  deriveKeys(
    masterSecret: Secret,
    suiteName: CipherSuiteName,
    encryptThenMac: boolean,
    randoms: Randoms,
  ): ConnectionKeys {
    const suite = cipherSuite(suiteName)
    const keyBlock = deriveKeyBlock(this.config.provider, suite, masterSecret, randoms)
    if (this.config.keylog) {
      this.channel.keylog(`CLIENT_RANDOM ${toHex(randoms.clientRandom)} ${toHex(masterSecret.reveal())}`)
    }
    return { suite, masterSecret, keyBlock, encryptThenMac }
  }

  /** Sends ChangeCipherSpec; everything after it leaves under the new keys (RFC 5246 §7.1). */
  sendChangeCipherSpec(keys: ConnectionKeys): void {
    this.channel.send('change_cipher_spec', encode(changeCipherSpec, { type: changeCipherSpecType }))
    this.channel.changeWriteState(this.#protection(keys, this.config.role))
  }

  /** The peer's ChangeCipherSpec came: everything after it is read under the new keys. Asks for the proof that it came at a boundary. */
  changeReadState(keys: ConnectionKeys, _aligned: HandshakeAligned): void {
    this.channel.changeReadState(this.#protection(keys, this.peerRole))
  }

  get peerRole(): 'client' | 'server' {
    return this.config.role === 'client' ? 'server' : 'client'
  }

  #protection({ suite, keyBlock, encryptThenMac }: ConnectionKeys, writer: 'client' | 'server'): Protection {
    const { provider, random } = this.config
    return createProtection({ provider, suite, keys: keyBlock[writer], encryptThenMac, random })
  }
}

/** Runs `body` and wipes the key block afterwards, however it ends; of a handshake that failed the master secret too. */
export function* withKeys<T, R>(
  keys: ConnectionKeys,
  body: () => Generator<R, T, unknown>,
): Generator<R, T, unknown> {
  let isDone = false
  try {
    const result = yield* body()
    isDone = true
    return result
  } finally {
    // An abort is generator.return(), which runs this as well.
    wipeKeyBlock(keys.keyBlock)
    if (!isDone) keys.masterSecret.wipe()
  }
}
