/**
 * A peer on strings: it speaks to one Side, keeps the keys by doing the other role's computation with
 * node:crypto, and says whatever a test wants at any point, under the protection that is in force.
 */
import {
  constants,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  privateDecrypt,
  publicEncrypt,
} from 'node:crypto'
import { type CipherSuiteName, cipherSuite, cipherSuiteNames } from '../../src/crypto/cipher-suites.ts'
import type { HandshakeType } from '../../src/messages/handshake.ts'
import {
  type Bytes,
  cat,
  certificateBody,
  clientHelloBody,
  contentTypes,
  type ExtensionByHand,
  extensions,
  filled,
  type HelloByHand,
  handshakeMessage,
  hex,
  none,
  serverHelloBody,
  typeNumbers,
  u16,
  vec8,
  vec16,
  vec24,
} from './by-hand.ts'
import {
  certificateDer,
  type IdentityName,
  keyObject,
  signByHand,
  usualScheme,
  verifyByHand,
} from './identities.ts'
import {
  type FieldByHand,
  type GroupByHand,
  paramsBody,
  readParams,
  type ShareByHand,
  shareOf,
} from './key-exchange-by-hand.ts'
import { fixture, type Side, seededRandom } from './pair.ts'
import { RecordState, recordShapeOf } from './records-by-hand.ts'

/** RFC 5246 §5, over node:crypto alone. */
export function prfByHand(
  hash: 'sha256' | 'sha384',
  secret: Uint8Array,
  input: { label: string; seed: Uint8Array; length: number },
): Bytes {
  const hmac = (data: Uint8Array) => createHmac(hash, secret).update(data).digest()
  const seed = cat(Buffer.from(input.label, 'latin1'), input.seed)
  let output: Bytes = none
  for (let a = hmac(seed); output.length < input.length; a = hmac(a)) output = cat(output, hmac(cat(a, seed)))
  return output.slice(0, input.length)
}

export type Heard =
  | { readonly type: 'handshake'; readonly message: number; readonly body: Bytes; readonly raw: Bytes }
  | { readonly type: 'change_cipher_spec' }
  | { readonly type: 'alert'; readonly level: number; readonly description: number }
  | { readonly type: 'application_data'; readonly bytes: Bytes }

export interface PuppetOptions {
  readonly suite?: CipherSuiteName
  /** Default true. */
  readonly extendedMasterSecret?: boolean
  readonly encryptThenMac?: boolean
  /** Resume this one, by its ID or its ticket: the puppet offers it, or takes it up. */
  readonly session?:
    | { readonly id: Uint8Array; readonly masterSecret: Uint8Array; readonly ticket?: Uint8Array }
    | undefined
  /** More fields, or other ones, for its hello. */
  readonly hello?: HelloByHand
  /** Extensions for its hello beside the usual ones, or in place of those of the same type. */
  readonly extensions?: readonly ExtensionByHand[]
  /** Of (EC)DHE; x25519 or ffdhe2048 by default. */
  readonly group?: GroupByHand | FieldByHand
  /** Whose certificate and key it has: a server by its suite, a client none by default. */
  readonly identity?: IdentityName
  /** The number of the scheme that it signs with; the usual one of its key by default. */
  readonly scheme?: number
  /** Server: sends CertificateRequest. Client: knows that one will come, and sends Certificate. */
  readonly clientAuth?: boolean
  /** Server: promises this ticket and sends it. */
  readonly newTicket?: Uint8Array
  /** Server: promises this response and sends it. */
  readonly ocspResponse?: Uint8Array
}

export type PuppetStep = HandshakeType | 'change_cipher_spec'

/** Whom a puppet talks to: one of our Sides, or whatever is at the far end of a transport. */
export interface Subject {
  readonly driver: { start(): void; receive(bytes: Uint8Array): void }
  /** What it has said since the last time. */
  take(): Uint8Array
}

export class Puppet<Whom extends Subject = Side> {
  readonly role: 'client' | 'server'
  readonly subject: Whom
  readonly heard: Heard[] = []
  readonly #options: PuppetOptions
  #waiting: Bytes = none
  #joined: Bytes = none
  #transcript: Bytes = none
  #read: RecordState | undefined
  #write: RecordState | undefined
  #randoms: { client: Uint8Array; server: Uint8Array } = { client: none, server: none }
  #suite: CipherSuiteName
  masterSecret: Bytes | undefined
  preMasterSecret: Bytes | undefined
  #share: ShareByHand | undefined
  /** What encrypts the premaster secret in place of node:crypto. */
  makeClientKeyExchange: (preMasterSecret: Uint8Array) => Uint8Array = preMasterSecret =>
    vec16(publicEncrypt({ key: serverPublicKey(), padding: constants.RSA_PKCS1_PADDING }, preMasterSecret))

  constructor(role: 'client' | 'server', subject: Whom, options: PuppetOptions = {}) {
    this.role = role
    this.subject = subject
    this.#options = options
    this.#suite = options.suite ?? 'TLS_RSA_WITH_AES_128_GCM_SHA256'
    subject.driver.start()
    this.listen()
  }

  /** The steps of a whole handshake of this peer (RFC 5246 §7.3, figures 1 and 2). */
  get steps(): readonly PuppetStep[] {
    const { session, clientAuth, identity, newTicket, ocspResponse } = this.#options
    const maybe = (condition: unknown, step: PuppetStep) => (condition ? [step] : [])
    const end = ['change_cipher_spec', 'finished'] as const
    if (this.role === 'client') {
      if (session) return ['client_hello', ...end]
      return [
        'client_hello',
        ...maybe(clientAuth, 'certificate'),
        'client_key_exchange',
        ...maybe(clientAuth && identity, 'certificate_verify'),
        ...end,
      ]
    }
    const ticket = maybe(newTicket, 'new_session_ticket')
    if (session) return ['server_hello', ...ticket, ...end]
    return [
      'server_hello',
      'certificate',
      ...maybe(ocspResponse, 'certificate_status'),
      ...maybe(this.keyExchange !== 'rsa', 'server_key_exchange'),
      ...maybe(clientAuth, 'certificate_request'),
      'server_hello_done',
      ...ticket,
      ...end,
    ]
  }

  /** As the suite's name has it. */
  get keyExchange(): 'rsa' | 'dhe' | 'ecdhe' {
    return this.#suite.includes('_ECDHE_') ? 'ecdhe' : this.#suite.includes('_DHE_') ? 'dhe' : 'rsa'
  }

  /** Takes the first `count` steps; all of them by default. */
  advance(count = this.steps.length): this {
    for (const step of this.steps.slice(0, count)) {
      if (step === 'change_cipher_spec') this.changeCipherSpec()
      else this.say(step, this.rightBody(step))
    }
    return this
  }

  /** The body that belongs here for each message of `steps`. */
  rightBody(type: HandshakeType): Uint8Array {
    const { hello, newTicket = none, ocspResponse = none } = this.#options
    switch (type) {
      case 'client_hello':
        return clientHelloBody({ ...this.#usualHello([extensions.serverName('localhost')]), ...hello })
      case 'server_hello':
        return serverHelloBody({ ...this.#usualHello([]), ...hello })
      case 'certificate':
        return certificateBody(this.#identity ? [certificateDer(this.#identity)] : [])
      case 'certificate_status':
        return cat(Uint8Array.of(1), vec24(ocspResponse))
      case 'server_key_exchange':
        return this.serverKeyExchange()
      case 'certificate_request':
        // rsa_sign, ecdsa_sign; every scheme; any authority.
        return cat(vec8(hex('0140')), vec16(...allSchemes.map(u16)), vec16())
      case 'client_key_exchange':
        return this.#clientKeyExchange()
      case 'certificate_verify':
        return this.signed(this.#transcript)
      case 'new_session_ticket':
        return cat(hex('0000012c'), vec16(newTicket))
      case 'finished':
        return this.verifyData(this.role)
      default:
        return none
    }
  }

  /** ServerKeyExchange of a fresh share; `change` has the last word on what is signed and sent (RFC 5246 §7.4.3). */
  serverKeyExchange(
    change: {
      readonly share?: ShareByHand
      readonly params?: Uint8Array
      readonly signed?: Uint8Array
      readonly scheme?: number
    } = {},
  ): Bytes {
    const group = this.#options.group ?? (this.keyExchange === 'ecdhe' ? 'x25519' : 'ffdhe2048')
    this.#share = change.share ?? shareOf(group)
    const params = change.params ?? paramsBody(group, this.#share.publicKey)
    const content = cat(this.#randoms.client, this.#randoms.server, params)
    return cat(params, this.signed(change.signed ?? content, change.scheme))
  }

  /** `digitally-signed` over `content` with its own key (RFC 5246 §4.7). */
  signed(content: Uint8Array, scheme = this.#options.scheme): Bytes {
    const key = keyObject(this.#identity!)
    const number = scheme ?? usualScheme(key)
    return cat(u16(number), vec16(signByHand(key, number, content)))
  }

  /** All messages so far, as they were sent (RFC 5246 §7.4.8). */
  get handshakeMessages(): Bytes {
    return this.#transcript
  }

  get randoms(): { readonly client: Uint8Array; readonly server: Uint8Array } {
    return this.#randoms
  }

  get #identity(): IdentityName | undefined {
    const byDefault = this.role === 'client' ? undefined : this.#suite.includes('ECDSA') ? 'ec' : 'server'
    return this.#options.identity ?? byDefault
  }

  /** Sends one handshake message in one record. */
  say(type: HandshakeType | number, body: Uint8Array): void {
    const message = this.note(type, body)
    this.deliver(this.record('handshake', message))
  }

  /** The message, added to the transcript and its values remembered, but not sent. */
  note(type: HandshakeType | number, body: Uint8Array): Bytes {
    const number = typeof type === 'number' ? type : typeNumbers[type]
    const message = handshakeMessage(number, body)
    if (number !== 0) this.#transcript = cat(this.#transcript, message)
    if (number === 1 && body.length >= 34) this.#randoms.client = body.slice(2, 34)
    if (number === 2 && body.length >= 34) {
      this.#randoms.server = body.slice(2, 34)
      if (this.role === 'client') this.#suite = chosenSuite(body) ?? this.#suite
      if (this.#options.session) this.masterSecret = Uint8Array.from(this.#options.session.masterSecret)
    }
    if (number === 16) this.#deriveMasterSecret()
    return message
  }

  /** Sends a hello in a form of its own: `raw` is what the transcript has of it, behind `prefix` (RFC 5246 §E.2). */
  sayHello({ prefix, raw, random }: { prefix: Uint8Array; raw: Uint8Array; random: Uint8Array }): void {
    this.#transcript = cat(this.#transcript, raw)
    this.#randoms.client = random
    this.deliver(cat(prefix, raw))
  }

  /** A record under the write state in force. */
  record(type: keyof typeof contentTypes | number, fragment: Uint8Array): Bytes {
    const number = typeof type === 'number' ? type : contentTypes[type]
    const body = this.#write ? this.#write.protect(number, fragment) : fragment
    return cat(Uint8Array.of(number, 3, 3), vec16(body))
  }

  send(type: keyof typeof contentTypes | number, fragment: Uint8Array): void {
    this.deliver(this.record(type, fragment))
  }

  /** Sends ChangeCipherSpec, and writes under the new keys from there, if there are any (RFC 5246 §7.1). */
  changeCipherSpec(): void {
    const record = this.record('change_cipher_spec', Uint8Array.of(1))
    this.switchKeys()
    this.deliver(record)
  }

  /** Writes under the new keys from now on, whether or not a ChangeCipherSpec was sent. */
  switchKeys(): void {
    if (this.masterSecret) this.#write = this.#protection(this.role)
  }

  deliver(bytes: Uint8Array): void {
    this.subject.driver.receive(bytes)
    this.listen()
  }

  /** Hears what the subject has said since. */
  listen(): void {
    this.#waiting = cat(this.#waiting, this.subject.take())
    while (this.#waiting.length >= 5) {
      const length = (this.#waiting[3]! << 8) | this.#waiting[4]!
      const type = this.#waiting[0]!
      const body = this.#waiting.slice(5, 5 + length)
      this.#waiting = this.#waiting.slice(5 + length)
      this.#hear(type, this.#read ? Uint8Array.from(this.#read.unprotect(type, body)) : body)
    }
  }

  /** The last alert heard, as `level description`. */
  get alert(): { level: number; description: number } | undefined {
    const alert = this.heard.findLast(heard => heard.type === 'alert')
    return alert && { level: alert.level, description: alert.description }
  }

  get alerts(): number[] {
    return this.heard.flatMap(heard => (heard.type === 'alert' ? [heard.description] : []))
  }

  heardMessage(type: HandshakeType): Bytes | undefined {
    return this.heard.flatMap(heard =>
      heard.type === 'handshake' && heard.message === typeNumbers[type] ? [heard.body] : [],
    )[0]
  }

  get heardData(): string {
    return Buffer.concat(
      this.heard.flatMap(heard => (heard.type === 'application_data' ? [heard.bytes] : [])),
    ).toString('latin1')
  }

  /** RFC 5246 §7.4.9. */
  verifyData(role: 'client' | 'server', messages: Uint8Array = this.#transcript): Bytes {
    const seed = this.#hashOf(messages)
    return prfByHand(this.#hash, this.masterSecret ?? none, { label: `${role} finished`, seed, length: 12 })
  }

  /** RFC 5246 §6.3, as hexadecimal. */
  get keyBlock(): Bytes {
    return prfByHand(this.#hash, this.masterSecret!, {
      label: 'key expansion',
      seed: cat(this.#randoms.server, this.#randoms.client),
      length: 208,
    })
  }

  #hear(type: number, fragment: Bytes): void {
    if (type === contentTypes.change_cipher_spec) {
      this.heard.push({ type: 'change_cipher_spec' })
      this.#read = this.#protection(this.role === 'client' ? 'server' : 'client')
    } else if (type === contentTypes.alert) {
      this.heard.push({ type: 'alert', level: fragment[0]!, description: fragment[1]! })
    } else if (type === contentTypes.application_data) {
      this.heard.push({ type: 'application_data', bytes: fragment })
    } else {
      this.#joined = cat(this.#joined, fragment)
      this.#hearMessages()
    }
  }

  #hearMessages(): void {
    while (this.#joined.length >= 4) {
      const length = (this.#joined[1]! << 16) | (this.#joined[2]! << 8) | this.#joined[3]!
      if (this.#joined.length < 4 + length) return
      const raw = this.#joined.slice(0, 4 + length)
      this.#joined = this.#joined.slice(4 + length)
      this.heard.push({ type: 'handshake', message: raw[0]!, body: raw.slice(4), raw })
      this.#learn(raw[0]!, raw.slice(4))
      this.note(raw[0]!, raw.slice(4))
    }
  }

  /** What a message of the subject says about keys, its signatures verified. */
  #learn(message: number, body: Bytes): void {
    if (message === typeNumbers.server_key_exchange) {
      const { group, publicKey, end } = readParams(body, this.keyExchange === 'ecdhe')
      this.#share = shareOf(group)
      this.preMasterSecret = this.#share.agree(publicKey)
      this.#verifySigned(body.slice(end), cat(this.#randoms.client, this.#randoms.server, body.slice(0, end)))
    } else if (message === typeNumbers.certificate_verify) {
      this.#verifySigned(body, this.#transcript)
    } else if (message === typeNumbers.client_key_exchange) {
      this.preMasterSecret =
        this.keyExchange === 'rsa'
          ? pkcs1Decrypt(createPrivateKey(fixture('server.key')), body.slice(2))
          : this.#share?.agree(body.slice(this.keyExchange === 'ecdhe' ? 1 : 2))
    }
  }

  #verifySigned(signed: Bytes, content: Uint8Array): void {
    const leaf = this.heardMessage('certificate')!.slice(6)
    verifyByHand(leaf, (signed[0]! << 8) | signed[1]!, content, signed.slice(4))
  }

  #clientKeyExchange(): Bytes {
    if (this.keyExchange === 'rsa') {
      this.preMasterSecret ??= cat(hex('0303'), seededRandom('puppet premaster')(46))
      return cat(this.makeClientKeyExchange(this.preMasterSecret))
    }
    const publicKey = this.#share?.publicKey ?? none
    return this.keyExchange === 'ecdhe' ? vec8(publicKey) : vec16(publicKey)
  }

  #usualHello(list: readonly ExtensionByHand[]): HelloByHand {
    const { session } = this.#options
    const echoed = () => {
      const offered = this.heardMessage('client_hello')!
      return offered.slice(35, 35 + offered[34]!)
    }
    const byDefault = this.role === 'client' ? none : filled(32, 0x1d)
    const isTicketTaken = this.role === 'server' && session?.ticket !== undefined
    return {
      suites: [cipherSuite(this.#suite).number],
      sessionId: isTicketTaken ? echoed() : (session?.id ?? byDefault),
      extensions: this.#helloExtensions(list),
    }
  }

  #helloExtensions(list: readonly ExtensionByHand[]): ExtensionByHand[] {
    const { extendedMasterSecret = true, encryptThenMac = false, extensions: more = [] } = this.#options
    const { session, newTicket, ocspResponse } = this.#options
    const usual: ExtensionByHand[] = [
      ...list,
      extensions.renegotiationInfo,
      ...(extendedMasterSecret ? [extensions.extendedMasterSecret] : []),
      ...(encryptThenMac ? [extensions.encryptThenMac] : []),
    ]
    if (this.role === 'client') {
      if (session?.ticket) usual.push([35, session.ticket])
      if (this.keyExchange !== 'rsa')
        usual.push([10, vec16(...[29, 23, 24, 25, 256].map(u16))], [11, vec8(hex('00'))])
      if (this.keyExchange !== 'rsa') usual.push([13, vec16(...allSchemes.map(u16))])
    } else {
      if (newTicket) usual.push([35, none])
      if (ocspResponse) usual.push([5, none])
    }
    return [...usual.filter(([type]) => !more.some(([other]) => other === type)), ...more]
  }

  /** RFC 5246 §8.1, RFC 7627 §4. */
  #deriveMasterSecret(): void {
    if (!this.preMasterSecret) return
    const { client, server } = this.#randoms
    this.masterSecret =
      this.#options.extendedMasterSecret === false
        ? prfByHand(this.#hash, this.preMasterSecret, {
            label: 'master secret',
            seed: cat(client, server),
            length: 48,
          })
        : prfByHand(this.#hash, this.preMasterSecret, {
            label: 'extended master secret',
            seed: this.#hashOf(this.#transcript),
            length: 48,
          })
  }

  get #hash(): 'sha256' | 'sha384' {
    return this.#suite.endsWith('SHA384') ? 'sha384' : 'sha256'
  }

  #hashOf(messages: Uint8Array): Bytes {
    return cat(createHash(this.#hash).update(messages).digest())
  }

  /** The key block cut up by the table of RFC 5246 §A.5 and RFC 5288 §3. */
  #protection(writer: 'client' | 'server'): RecordState {
    const shape = recordShapeOf(this.#suite)
    const { macLength, keyLength, ivLength } = shape
    const at = writer === 'client' ? 0 : 1
    const cut = (start: number, length: number) =>
      this.keyBlock.slice(start + at * length, start + (at + 1) * length)
    const keys = {
      mac: cut(0, macLength),
      key: cut(2 * macLength, keyLength),
      iv: cut(2 * macLength + 2 * keyLength, ivLength),
    }
    return new RecordState(shape, keys, this.#options.encryptThenMac === true)
  }
}

/** Every scheme that is known here, as a client or a server offers them. */
export const allSchemes = [
  0x0403, 0x0503, 0x0603, 0x0807, 0x0804, 0x0805, 0x0806, 0x0809, 0x080a, 0x080b, 0x0401, 0x0501, 0x0601,
]

/** The suite of a ServerHello: a puppet that offered several takes the one that was chosen. */
function chosenSuite(serverHello: Uint8Array): CipherSuiteName | undefined {
  const at = 35 + serverHello[34]!
  const number = (serverHello[at]! << 8) | serverHello[at + 1]!
  return cipherSuiteNames.find(name => cipherSuite(name).number === number)
}

let knownServerKey: ReturnType<typeof createPublicKey> | undefined
function serverPublicKey() {
  knownServerKey ??= createPublicKey(fixture('server.pem'))
  return knownServerKey
}

/** The padding is taken off by hand: Node forbids PKCS#1 v1.5 decryption in some versions. */
function pkcs1Decrypt(key: ReturnType<typeof createPrivateKey>, ciphertext: Uint8Array): Bytes {
  const block = privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, ciphertext)
  return Uint8Array.from(block.subarray(block.indexOf(0, 2) + 1))
}

/** The raw RSA public operation, for blocks of any form (RFC 8017 §5.1.1). */
export function rsaRawEncrypt(block: Uint8Array): Bytes {
  return Uint8Array.from(publicEncrypt({ key: serverPublicKey(), padding: constants.RSA_NO_PADDING }, block))
}

export const suiteBytes = (suite: CipherSuiteName): Bytes => u16(cipherSuite(suite).number)
