import { toHex } from '../bytes.ts'
import {
  type CipherSuite,
  type CipherSuiteName,
  cipherSuite,
  type KeyExchange,
} from '../crypto/cipher-suites.ts'
import { deriveKeyBlock, type KeyBlock, type Randoms, wipeKeyBlock } from '../crypto/key-schedule.ts'
import type { NamedGroup } from '../crypto/named-groups.ts'
import type { KeyShare } from '../crypto/provider.ts'
import { type SignatureScheme, usesShortHash } from '../crypto/signature-schemes.ts'
import { changeCipherSpec, changeCipherSpecType } from '../messages/change-cipher-spec.ts'
import {
  encodeHandshake,
  type HandshakeBody,
  type HandshakeType,
  type ReceivedMessage,
} from '../messages/handshake.ts'
import { createProtection, type Protection } from '../record/protection.ts'
import type { Secret } from '../secret.ts'
import { maxLifetimeSeconds, type Session } from '../session/session.ts'
import { encode } from '../wire/codec.ts'
import type { Agreed } from './agreement.ts'
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
  /** The longest plaintext of a record from here on, in bytes, read or written (RFC 6066 §4, RFC 8449 §4). */
  limitRead(bytes: number): void
  limitWrite(bytes: number): void
  /** Whether no handshake message is half received. */
  readonly isAligned: boolean
  /** Counts something a peer may do a few times only; throws TOO_MANY_WARNING_ALERTS. */
  tolerate(what: string): void
  /** Data may be written from here on, though the handshake goes on (RFC 7918 §3). */
  startWriting(alpnProtocol: string | undefined): void
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
  /** Empty when the server does not keep the session, or gave it away in a ticket. */
  readonly sessionId: Uint8Array
  /** Client: the ticket to offer next time (RFC 5077 §3.3). */
  readonly ticket: Uint8Array | undefined
  readonly session: Session
  readonly serverName: string | undefined
  readonly encryptThenMac: boolean
  /** Whether the peer knows of renegotiation_info (RFC 5746 §3). */
  readonly secureRenegotiation: boolean
  /** What ALPN settled on (RFC 7301). */
  readonly alpnProtocol: string | undefined
  readonly randoms: Randoms
  /** The group of (EC)DHE; a client that met a finite field without a name has none. None when resumed. */
  readonly group: NamedGroup | undefined
  /** Client: bits of the prime of such a field. */
  readonly unnamedFieldBits: number | undefined
  /** What the server signed ServerKeyExchange with, and the client CertificateVerify; none when resumed. */
  readonly serverSignatureScheme: SignatureScheme | undefined
  readonly clientSignatureScheme: SignatureScheme | undefined
  /** Server: the signatures that the client takes, in its order (RFC 5246 §7.4.1.4.1); empty on a client. */
  readonly peerSignatureSchemes: readonly (SignatureScheme | number)[]
  /** The leaf that we showed, in DER; none when resumed, or without one. */
  readonly localCertificate: Uint8Array | undefined
  /** The peer's chain in DER as it came. Resumed: the leaf that the session has. Empty where the peer showed none. */
  readonly peerCertificates: readonly Uint8Array[]
  /** Whether the peer's certificate was verified, now or when the session was made. */
  readonly verified: boolean
  /** Client: what the server stapled (RFC 6066 §8), and its certificate timestamps (RFC 6962 §3.3). */
  readonly ocspResponse: Uint8Array | undefined
  readonly signedCertificateTimestamps: readonly Uint8Array[]
  readonly peerFinished: PeerFinished
}

/** The verify_data of both Finished messages of a handshake, 12 bytes each (RFC 5246 §7.4.9). */
export interface VerifyDataPair {
  client?: Uint8Array
  server?: Uint8Array
}

/** The keys that both ChangeCipherSpecs switch to. */
export interface ConnectionKeys {
  readonly suite: CipherSuite
  readonly masterSecret: Secret
  readonly keyBlock: KeyBlock
  readonly agreed: Agreed
}

/** One handshake under way: its configuration, its transcript, and the commands that never wait. */
export class Flow<C extends ClientConfig | ServerConfig = ClientConfig | ServerConfig> {
  readonly config: C
  readonly channel: RecordChannel
  readonly transcript: Transcript
  /** Filled in as the Finished messages go by: the first one is tls-unique (RFC 5929 §3). */
  readonly verifyData: VerifyDataPair = {}
  /** A server's, from ServerKeyExchange on. */
  share: KeyShare | undefined
  /** A message that was looked at and was not the optional one: the next to be received. */
  returned: ReceivedMessage | undefined
  #keyExchange: KeyExchange = 'rsa'

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

  get groups(): readonly NamedGroup[] {
    return this.config.groups ?? this.config.provider.groups
  }

  /** What the peer may sign with. */
  get signatureSchemes(): readonly SignatureScheme[] {
    return (
      this.config.signatureSchemes ??
      this.config.provider.signatureSchemes.filter(name => !usesShortHash(name))
    )
  }

  /** What we sign with. */
  get signingSchemes(): readonly SignatureScheme[] {
    return this.config.signingSchemes ?? this.signatureSchemes
  }

  /** Of the suite, once it is known: it decides how two of the messages are laid out. */
  get keyExchange(): KeyExchange {
    return this.#keyExchange
  }

  get sessionLifetimeSeconds(): number {
    return Math.min(this.config.sessionLifetimeSeconds ?? defaultSessionLifetimeSeconds, maxLifetimeSeconds)
  }

  /** Sends a handshake message and adds it to the transcript. */
  send<T extends HandshakeType>(type: T, value: HandshakeBody<T>): void {
    const message = encodeHandshake(type, value, this.#keyExchange)
    this.transcript.add(message)
    this.channel.send('handshake', message)
  }

  /** ServerHello was sent or received: the suite fixes the transcript's hash, the version that of all records. */
  startSuite(suiteName: CipherSuiteName): void {
    const suite = cipherSuite(suiteName)
    this.transcript.start(suite.prfHash)
    this.#keyExchange = suite.keyExchange
    this.channel.fixVersion()
  }

  /** Keys of this connection from a master secret, fresh or resumed: the randoms are always this hello's (RFC 5246 §6.3). */
  deriveKeys(masterSecret: Secret, agreed: Agreed): ConnectionKeys {
    const suite = cipherSuite(agreed.suite)
    const { randoms } = agreed
    const keyBlock = deriveKeyBlock(this.config.provider, suite, masterSecret, randoms)
    if (this.config.keylog) {
      this.channel.keylog(`CLIENT_RANDOM ${toHex(randoms.clientRandom)} ${toHex(masterSecret.reveal())}`)
    }
    return { suite, masterSecret, keyBlock, agreed }
  }

  /** Sends ChangeCipherSpec; everything after it leaves under the new keys (RFC 5246 §7.1). */
  sendChangeCipherSpec(keys: ConnectionKeys): void {
    this.channel.send('change_cipher_spec', encode(changeCipherSpec, { type: changeCipherSpecType }))
    this.channel.changeWriteState(this.#protection(keys, this.config.role))
  }

  /** The peer's ChangeCipherSpec came: everything after it is read under the new keys. Asks for the proof that it came at a boundary. */
  changeReadState(keys: ConnectionKeys, _aligned: HandshakeAligned): void {
    this.channel.changeReadState(this.#protection(keys, this.peerRole))
    // record_size_limit is about protected records alone (RFC 8449 §4): before, the peer may send longer ones.
    if (keys.agreed.recordSizeLimits) this.channel.limitRead(keys.agreed.recordSizeLimits.read)
  }

  get peerRole(): 'client' | 'server' {
    return this.config.role === 'client' ? 'server' : 'client'
  }

  #protection({ suite, keyBlock, agreed }: ConnectionKeys, writer: 'client' | 'server'): Protection {
    const { provider, random } = this.config
    const { encryptThenMac } = agreed
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
