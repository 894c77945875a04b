/**
 * The codes of errors, ours beside node:tls's: each row is a peer that does something wrong, the same for both. Where ours is not
 * Node's, `node` says what Node has, and `why` why.
 */
import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { PeerCertificate } from 'node:tls'
import { inspect } from 'node:util'
import { describe, expect, test } from 'vitest'
import { AlertDescription, type FaultCode, faults, PeerAlert, TlsError } from '../../src/errors.ts'
import { authorizationErrorOf, nodeError } from '../../src/node/error-codes.ts'
import {
  cat,
  certificateBody,
  clientHelloBody,
  type ExtensionByHand,
  extensions,
  filled,
  type HelloByHand,
  handshakeMessage,
  hex,
  none,
  plainRecord,
  u8,
  u16,
  validBody,
  vec8,
  vec16,
} from '../support/by-hand.ts'
import type { FarPuppet } from '../support/far-puppet.ts'
import { fixture } from '../support/fixtures.ts'
import { certificateDer } from '../support/identities.ts'
import type { PuppetOptions, PuppetStep } from '../support/puppet.ts'
import { endOf, errorOf, type Library, openClient, type SeenError, type Situation } from './error-ends.ts'
import { openWithNode, startNodeServer } from './foreign.ts'
import { startServer as startOwnServer } from './support.ts'

/** Where our code is not Node's. */
interface Difference {
  /** Node's; `none` where it goes on, and ends with its peer. */
  readonly node: string
  readonly why: string
}

type Row = readonly [
  name: string,
  fault: FaultCode,
  code: string,
  situation: Situation,
  /** Or Node's code with OpenSSL 3.5, that is in newer Node 22 and in 24. */
  difference?: Difference | string,
]

/** Since OpenSSL 3.2 its words for old alerts begin so; a slash is no part of a code that anybody would look for. */
const asInNode20 = (code: unknown) => String(code ?? 'none').replace('SSL/TLS_ALERT', 'SSLV3_ALERT')
const isNewer = Number(process.versions.openssl.split('.')[1]) >= 2

// What a peer does wrong.

const ecdhe = { suite: 'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256' } as const
const ecdsa = { suite: 'TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256' } as const
const dhe = { suite: 'TLS_DHE_RSA_WITH_AES_128_GCM_SHA256' } as const
const cbc = { suite: 'TLS_RSA_WITH_AES_128_CBC_SHA' } as const
const text = (words: string) => new Uint8Array(Buffer.from(words))
const groupsOf = (...numbers: number[]): ExtensionByHand => [10, vec16(...numbers.map(u16))]
const usual = [extensions.signatureAlgorithms, extensions.renegotiationInfo, groupsOf(29, 23)]

const alertOf = (number: number) => (peer: FarPuppet) => peer.puppet.send('alert', Uint8Array.of(2, number))
const times = (count: number, action: () => unknown) => Array.from({ length: count }, action)

/** Bytes as they are. */
const sends = (raw: Uint8Array) => (peer: FarPuppet) => peer.puppet.deliver(raw)
/** These bytes, before anything else. */
const bytes = (raw: Uint8Array) => ({
  play: sends(raw),
})
/** A ClientHello with something in it. */
const hello = (fields: HelloByHand): Situation => ({
  role: 'server',
  play: ({ puppet }) => puppet.say('client_hello', clientHelloBody({ extensions: usual, ...fields })),
})
const extension = (...list: ExtensionByHand[]) => hello({ extensions: [...usual, ...list] })
/** A ServerHello with something in it. */
const answer = (fields: HelloByHand, puppet: PuppetOptions = {}): Situation => ({
  role: 'client',
  puppet: { ...puppet, hello: fields },
  play: peer => peer.advance('certificate'),
})
/** A handshake up to a step, and this in its place. */
const at = (step: PuppetStep, play: (peer: FarPuppet) => unknown) => ({
  play: async (peer: FarPuppet) => {
    await peer.advance(step)
    await play(peer)
  },
})
const says = (step: Exclude<PuppetStep, 'change_cipher_spec'>, body: Uint8Array) =>
  at(step, ({ puppet }) => puppet.say(step, body))
/** A handshake, and this after it. */
const open = (play: (peer: FarPuppet) => unknown) => ({
  play: async (peer: FarPuppet) => {
    await peer.advance()
    if (peer.puppet.role === 'client') await peer.heard('finished')
    await play(peer)
  },
})
/** A client before a ServerKeyExchange, and the ServerHelloDone after it. */
const keyExchange = (puppet: PuppetOptions, make: (peer: FarPuppet) => Uint8Array): Situation => ({
  role: 'client',
  puppet,
  ...at('server_key_exchange', peer => {
    peer.puppet.say('server_key_exchange', make(peer))
    peer.puppet.say('server_hello_done', none)
  }),
})
/** A server that asks for the client's certificate. */
const asking = (puppet: PuppetOptions = {}) => {
  const ca = ['client-ca.pem', 'handshake/ca.pem'].map(fixture)
  return {
    role: 'server',
    options: { requestCert: true, ca },
    puppet: { clientAuth: true, ...puppet },
  } as const
}
const server = { role: 'server' } as const
const client = { role: 'client' } as const

const severalWords = 'OpenSSL has a word for each way; they have one alert, and are one fault here'
const goesOn = 'Node does not look'

const beforeTls: readonly Row[] = [
  [
    'GET',
    'UNKNOWN_RECORD_TYPE',
    'ERR_SSL_HTTP_REQUEST',
    { ...server, ...bytes(text('GET / HTTP/1.1\r\n\r\n')) },
  ],
  [
    'POST',
    'UNKNOWN_RECORD_TYPE',
    'ERR_SSL_HTTP_REQUEST',
    { ...server, ...bytes(text('POST / HTTP/1.1\r\n')) },
  ],
  [
    ...(['CONNECT', 'UNKNOWN_RECORD_TYPE', 'ERR_SSL_HTTPS_PROXY_REQUEST'] as const),
    { ...server, ...bytes(text('CONNECT example:443 HTTP/1.1\r\n')) },
  ],
  [
    'EHLO',
    'UNKNOWN_RECORD_TYPE',
    'ERR_SSL_WRONG_VERSION_NUMBER',
    { ...server, ...bytes(text('EHLO example\r\n')) },
  ],
  [
    ...(['an HTTP answer', 'UNKNOWN_RECORD_TYPE', 'ERR_SSL_WRONG_VERSION_NUMBER'] as const),
    { ...client, ...bytes(text('HTTP/1.1 400 Bad Request\r\n\r\n')) },
  ],
  [
    ...(['a ClientHello of SSL 2.0', 'UNKNOWN_RECORD_TYPE', 'ERR_SSL_WRONG_VERSION_NUMBER'] as const),
    { ...server, ...bytes(cat(hex('801c 01 0002 0003 0000 0010 010080'), filled(16, 7))) },
    { node: 'ERR_SSL_UNKNOWN_PROTOCOL', why: 'here it is bytes that are no TLS; the message says more' },
  ],
]

const records: readonly Row[] = [
  [
    ...(['of another version', 'WRONG_VERSION_NUMBER', 'ERR_SSL_WRONG_VERSION_NUMBER'] as const),
    { ...server, ...bytes(plainRecord(22, filled(40, 1), 0x0503)) },
  ],
  [
    ...(['of another version, later', 'WRONG_VERSION_NUMBER', 'ERR_SSL_WRONG_VERSION_NUMBER'] as const),
    { ...server, ...at('client_key_exchange', sends(plainRecord(22, filled(40, 1), 0x0301))) },
  ],
  [
    ...(['of another type', 'UNKNOWN_RECORD_TYPE', 'ERR_SSL_UNEXPECTED_RECORD'] as const),
    { ...server, ...at('client_key_exchange', sends(plainRecord(24, filled(40, 1)))) },
  ],
  [
    ...(['of another type, protected', 'UNKNOWN_RECORD_TYPE', 'ERR_SSL_UNEXPECTED_RECORD'] as const),
    { ...server, ...open(({ puppet }) => puppet.send(24, filled(40, 1))) },
  ],
  [
    ...(['too long', 'RECORD_OVERFLOW', 'ERR_SSL_DATA_LENGTH_TOO_LONG'] as const),
    { ...server, ...bytes(cat(hex('16 0301 4100'), filled(0x4100, 1))) },
  ],
  [
    ...(['too long when decrypted', 'RECORD_OVERFLOW', 'ERR_SSL_DATA_LENGTH_TOO_LONG'] as const),
    { ...server, ...open(({ puppet }) => puppet.send('application_data', filled(16_385, 1))) },
  ],
  [
    ...(['too short for its MAC', 'BAD_RECORD_MAC', 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC'] as const),
    { ...server, puppet: cbc, ...open(sends(plainRecord(23, filled(7, 1)))) },
  ],
  [
    ...(['with a wrong tag', 'BAD_RECORD_MAC', 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC'] as const),
    { ...client, ...open(sends(plainRecord(23, filled(40, 1)))) },
    {
      node: 'ERR_SSL_CIPHER_OPERATION_FAILED',
      why: 'what its cipher noted first hides what its TLS says of all suites alike',
    },
  ],
  [
    ...(['empty', 'EMPTY_FRAGMENT', 'ERR_SSL_EMPTY_FRAGMENT'] as const),
    { ...server, ...at('change_cipher_spec', sends(plainRecord(22, none))) },
    { node: 'ECONNRESET', why: goesOn },
  ],
  [
    ...(['empty, one after the other', 'TOO_MANY_EMPTY_FRAGMENTS', 'ERR_SSL_RECORD_TOO_SMALL'] as const),
    { ...server, ...open(({ puppet }) => times(40, () => puppet.send('application_data', none))) },
  ],
  [
    ...(['warnings without end', 'TOO_MANY_WARNING_ALERTS', 'ERR_SSL_TOO_MANY_WARN_ALERTS'] as const),
    { ...client, ...at('server_hello', ({ puppet }) => times(10, () => puppet.send('alert', hex('0170')))) },
  ],
  [
    ...(['an alert of level 3', 'UNKNOWN_ALERT_LEVEL', 'ERR_SSL_UNKNOWN_ALERT_TYPE'] as const),
    { ...client, ...at('server_hello', ({ puppet }) => puppet.send('alert', hex('0328'))) },
  ],
]

const order: readonly Row[] = [
  [
    ...(['a message that is not due', 'UNEXPECTED_MESSAGE', 'ERR_SSL_UNEXPECTED_MESSAGE'] as const),
    { ...client, ...at('server_hello', ({ puppet }) => puppet.say('certificate', validBody('certificate'))) },
  ],
  [
    ...(['a message after the handshake', 'UNEXPECTED_MESSAGE', 'ERR_SSL_UNEXPECTED_MESSAGE'] as const),
    { ...server, ...open(({ puppet }) => puppet.send('handshake', handshakeMessage(20, filled(12, 1)))) },
  ],
  [
    ...(['ChangeCipherSpec too early', 'UNEXPECTED_MESSAGE', 'ERR_SSL_UNEXPECTED_MESSAGE'] as const),
    { ...server, ...at('client_key_exchange', sends(plainRecord(20, u8(1)))) },
  ],
  [
    ...(['data in the handshake', 'UNEXPECTED_MESSAGE', 'ERR_SSL_UNEXPECTED_MESSAGE'] as const),
    { ...server, ...at('client_key_exchange', sends(plainRecord(23, filled(4, 1)))) },
    { node: 'ERR_SSL_UNEXPECTED_RECORD', why: severalWords },
  ],
  [
    ...(['ChangeCipherSpec of value 2', 'BAD_CHANGE_CIPHER_SPEC', 'ERR_SSL_BAD_CHANGE_CIPHER_SPEC'] as const),
    { ...server, ...at('change_cipher_spec', sends(plainRecord(20, u8(2)))) },
  ],
  [
    ...([
      'ChangeCipherSpec in a message',
      'UNALIGNED_CHANGE_CIPHER_SPEC',
      'ERR_SSL_BAD_CHANGE_CIPHER_SPEC',
    ] as const),
    {
      ...server,
      ...at('change_cipher_spec', sends(cat(plainRecord(22, hex('1400')), plainRecord(20, u8(1))))),
    },
  ],
  [
    ...(['a message of 16 MiB', 'EXCESSIVE_MESSAGE_SIZE', 'ERR_SSL_EXCESSIVE_MESSAGE_SIZE'] as const),
    { ...server, ...bytes(plainRecord(22, hex('01ffffff0303'))) },
  ],
  [
    ...(['a Finished of others', 'DIGEST_CHECK_FAILED', 'ERR_SSL_DIGEST_CHECK_FAILED'] as const),
    { ...server, ...says('finished', filled(12, 1)) },
  ],
]

const malformed: readonly Row[] = [
  [
    ...(['a ClientHello with a byte too many', 'DECODE_ERROR', 'ERR_SSL_LENGTH_MISMATCH'] as const),
    {
      ...server,
      play: ({ puppet }) => puppet.say('client_hello', cat(clientHelloBody({ extensions: usual }), u8(0))),
    },
  ],
  [
    ...(['a ServerHello cut short', 'DECODE_ERROR', 'ERR_SSL_LENGTH_MISMATCH'] as const),
    {
      ...client,
      ...at('server_hello', ({ puppet }) =>
        puppet.say('server_hello', puppet.rightBody('server_hello').slice(0, 30)),
      ),
    },
  ],
  [
    ...(['an empty Certificate', 'DECODE_ERROR', 'ERR_SSL_LENGTH_MISMATCH'] as const),
    { ...client, ...says('certificate', certificateBody([])) },
  ],
  [
    ...(['a Finished of 11 bytes', 'DECODE_ERROR', 'ERR_SSL_LENGTH_MISMATCH'] as const),
    { ...server, ...says('finished', filled(11, 1)) },
    { node: 'ERR_SSL_BAD_DIGEST_LENGTH', why: severalWords },
  ],
  [
    ...(['an extension twice', 'DUPLICATE_EXTENSION', 'ERR_SSL_BAD_EXTENSION'] as const),
    extension(extensions.extendedMasterSecret, extensions.extendedMasterSecret),
  ],
  [
    ...(['a certificate that is none', 'BAD_CERTIFICATE', 'ERR_SSL_BAD_CERTIFICATE'] as const),
    { ...client, ...says('certificate', certificateBody([hex('3003020101')])) },
    {
      node: 'ERR_SSL_WRONG_TAG',
      why: 'its reader of ASN.1 has some thirty words, which say nothing to anybody',
    },
  ],
]

const negotiation: readonly Row[] = [
  ['TLS 1.0', 'UNSUPPORTED_PROTOCOL', 'ERR_SSL_UNSUPPORTED_PROTOCOL', hello({ version: 0x0301 })],
  [
    'a server with TLS 1.0',
    'UNSUPPORTED_PROTOCOL',
    'ERR_SSL_UNSUPPORTED_PROTOCOL',
    answer({ version: 0x0301 }),
  ],
  [
    ...(['SSL 3.0', 'UNSUPPORTED_PROTOCOL', 'ERR_SSL_UNSUPPORTED_PROTOCOL'] as const),
    hello({ version: 0x0300 }),
    { node: 'ERR_SSL_VERSION_TOO_LOW', why: severalWords },
  ],
  ['no suite in common', 'NO_SHARED_CIPHER', 'ERR_SSL_NO_SHARED_CIPHER', hello({ suites: [0x0005] })],
  [
    ...(['no curve in common', 'NO_SHARED_GROUP', 'ERR_SSL_NO_SHARED_CIPHER'] as const),
    hello({ suites: [0xc02f], extensions: [extensions.signatureAlgorithms, groupsOf(0x1234)] }),
  ],
  [
    ...(['no finite field in common', 'NO_SHARED_FINITE_FIELD', 'ERR_SSL_NO_SHARED_CIPHER'] as const),
    hello({ suites: [0x009e], extensions: [extensions.signatureAlgorithms, groupsOf(0x01fb)] }),
  ],
  [
    ...([
      'no signature for our key',
      'NO_COMMON_SIGNATURE_ALGORITHMS',
      'ERR_SSL_NO_SUITABLE_SIGNATURE_ALGORITHM',
    ] as const),
    hello({ suites: [0xc02f], extensions: [[13, vec16(u16(0x0807))], groupsOf(29)] }),
  ],
  [
    ...(['no protocol in common', 'NO_APPLICATION_PROTOCOL', 'ERR_SSL_NO_APPLICATION_PROTOCOL'] as const),
    { ...extension([16, hex('0003026832')]), options: { ALPNProtocols: ['http/1.1'] } },
  ],
  [
    ...(['no certificate', 'NO_CERTIFICATE', 'ERR_SSL_NO_SHARED_CIPHER'] as const),
    {
      ...extension(extensions.serverName('localhost')),
      options: { cert: undefined, key: undefined, SNICallback: (_name, done) => done(null) },
    },
  ],
  [
    ...(['a suite that was not offered', 'WRONG_CIPHER_RETURNED', 'ERR_SSL_WRONG_CIPHER_RETURNED'] as const),
    { ...answer({ suites: [0x009d] }), options: { ciphers: 'AES128-GCM-SHA256' } },
  ],
  [
    ...(['a suite that nobody knows', 'WRONG_CIPHER_RETURNED', 'ERR_SSL_WRONG_CIPHER_RETURNED'] as const),
    answer({ suites: [0xfafa] }),
    { node: 'ERR_SSL_UNKNOWN_CIPHER_RETURNED', why: severalWords },
  ],
  [
    ...(['compression alone', 'UNSUPPORTED_COMPRESSION', 'ERR_SSL_NO_COMPRESSION_SPECIFIED'] as const),
    hello({ compression: [1] }),
    'ERR_SSL_REQUIRED_COMPRESSION_ALGORITHM_MISSING',
  ],
  [
    ...([
      'a server that compresses',
      'UNSUPPORTED_COMPRESSION',
      'ERR_SSL_UNSUPPORTED_COMPRESSION_ALGORITHM',
    ] as const),
    answer({ compression: [1] }),
    'ERR_SSL_UNSUPPORTED_COMPRESSION_ALGORITHM or ERR_SSL_COMPRESSION_DISABLED',
  ],
  [
    ...([
      'an extension that was not asked for',
      'UNSOLICITED_EXTENSION',
      'ERR_SSL_UNSOLICITED_EXTENSION',
    ] as const),
    answer({ extensions: [extensions.renegotiationInfo, [16, hex('0003026832')]] }),
  ],
  [
    ...(['two server names', 'BAD_SERVER_NAME', 'ERR_SSL_BAD_EXTENSION'] as const),
    extension([0, vec16(u8(0), vec16(text('a.example')), u8(0), vec16(text('b.example')))]),
  ],
  [
    ...(['no uncompressed points', 'BAD_POINT_FORMATS', 'ERR_SSL_BAD_POINT_FORMATS'] as const),
    answer({ extensions: [extensions.renegotiationInfo, [11, vec8(u8(1))]] }, ecdhe),
    { node: 'ECONNRESET', why: goesOn },
  ],
  [
    ...(['a protocol that was not offered', 'BAD_APPLICATION_PROTOCOL', 'ERR_SSL_BAD_EXTENSION'] as const),
    {
      ...answer({ extensions: [extensions.renegotiationInfo, [16, hex('0003026832')]] }),
      options: { ALPNProtocols: ['http/1.1'] },
    },
  ],
  [
    ...([
      'a max_fragment_length of 9',
      'BAD_FRAGMENT_LIMIT',
      'ERR_SSL_SSL3_EXT_INVALID_MAX_FRAGMENT_LENGTH',
    ] as const),
    extension([1, u8(9)]),
  ],
  [
    ...([
      'a session resumed with another suite',
      'SESSION_MISMATCH',
      'ERR_SSL_OLD_SESSION_CIPHER_NOT_RETURNED',
    ] as const),
    {
      ...client,
      returns: true,
      puppet: { hello: { suites: [0x009d] } },
      play: peer => peer.advance('change_cipher_spec'),
    },
  ],
  [
    ...([
      'a session resumed without extended master secret',
      'EXTENDED_MASTER_SECRET_MISMATCH',
      'ERR_SSL_INCONSISTENT_EXTMS',
    ] as const),
    {
      ...{ ...client, returns: true, puppet: { extendedMasterSecret: false } },
      play: peer => peer.advance('change_cipher_spec'),
    },
  ],
  [
    ...([
      'no extended master secret, where it is a must',
      'EXTENDED_MASTER_SECRET_REQUIRED',
      'ERR_SSL_EXTENDED_MASTER_SECRET_REQUIRED',
    ] as const),
    { ...hello({ suites: [0xc02f] }), options: { policy: 'modern' } },
    { node: 'ECONNRESET', why: 'Node has no such policy' },
  ],
  [
    ...([
      'renegotiation in a first hello',
      'RENEGOTIATION_MISMATCH',
      'ERR_SSL_RENEGOTIATION_MISMATCH',
    ] as const),
    hello({ extensions: [[0xff01, vec8(hex('0011'))]] }),
  ],
  [
    ...([
      'encrypt-then-MAC with GCM',
      'ENCRYPT_THEN_MAC_MISMATCH',
      'ERR_SSL_ENCRYPT_THEN_MAC_MISMATCH',
    ] as const),
    answer({ extensions: [extensions.renegotiationInfo, extensions.encryptThenMac] }),
    { node: 'ECONNRESET', why: goesOn },
  ],
]

const keyExchanges: readonly Row[] = [
  [
    ...(['a curve by its equation', 'WRONG_CURVE', 'ERR_SSL_WRONG_CURVE'] as const),
    keyExchange(ecdhe, ({ puppet }) =>
      puppet.serverKeyExchange({ params: cat(u8(1), u16(29), vec8(filled(32, 9))) }),
    ),
  ],
  [
    ...(['a curve that was not offered', 'WRONG_CURVE', 'ERR_SSL_WRONG_CURVE'] as const),
    {
      ...keyExchange({ ...ecdhe, group: 'secp384r1' }, ({ puppet }) => puppet.serverKeyExchange()),
      options: { ecdhCurve: 'X25519' },
    },
  ],
  [
    ...(['31 bytes for X25519', 'BAD_KEY_SHARE', 'ERR_SSL_BAD_KEY_SHARE'] as const),
    {
      ...{ ...server, puppet: { ...ecdhe, extensions: [groupsOf(29)] } },
      ...says('client_key_exchange', vec8(filled(31, 9))),
    },
  ],
  [
    ...(['a point off the curve', 'BAD_KEY_SHARE', 'ERR_SSL_BAD_KEY_SHARE'] as const),
    {
      ...{ ...server, puppet: { ...ecdhe, extensions: [groupsOf(23)] } },
      ...says('client_key_exchange', vec8(u8(4), filled(64, 5))),
    },
    { node: 'ERR_SSL_POINT_IS_NOT_ON_CURVE', why: severalWords },
  ],
  [
    ...(['a finite field of 767 bits', 'WEAK_DH_GROUP', 'ERR_SSL_DH_KEY_TOO_SMALL'] as const),
    keyExchange({ ...dhe, group: { p: 2n ** 767n + 5n, g: 2n } }, ({ puppet }) => puppet.serverKeyExchange()),
    'ERR_SSL_UNKNOWN_SECURITY_BITS',
  ],
  [
    ...(['a finite field of an even number', 'BAD_DH_GROUP', 'ERR_SSL_BAD_DH_GROUP'] as const),
    keyExchange({ ...dhe, group: { p: 2n ** 2047n, g: 2n } }, ({ puppet }) => puppet.serverKeyExchange()),
    { node: 'ERR_SSL_CHECK_P_NOT_PRIME', why: severalWords },
  ],
  [
    ...(['a signature of another key type', 'WRONG_SIGNATURE_TYPE', 'ERR_SSL_WRONG_SIGNATURE_TYPE'] as const),
    keyExchange(ecdhe, ({ puppet }) => {
      const body = puppet.serverKeyExchange()
      body.set(u16(0x0403), 4 + 32)
      return body
    }),
  ],
  [
    ...(['a signature of something else', 'BAD_SIGNATURE', 'ERR_SSL_BAD_SIGNATURE'] as const),
    keyExchange(ecdhe, ({ puppet }) => puppet.serverKeyExchange({ signed: none })),
  ],
  [
    ...(['a signature of ECDSA of something else', 'BAD_SIGNATURE', 'ERR_SSL_BAD_SIGNATURE'] as const),
    keyExchange(ecdsa, ({ puppet }) => puppet.serverKeyExchange({ signed: none })),
    'ERR_SSL_PROVIDER_SIGNATURE_FAILURE',
  ],
  [
    ...(['a CertificateVerify of something else', 'BAD_SIGNATURE', 'ERR_SSL_BAD_SIGNATURE'] as const),
    {
      ...asking({ identity: 'client-rsa' }),
      ...at('certificate_verify', ({ puppet }) => puppet.say('certificate_verify', puppet.signed(none))),
    },
  ],
]

const peers: readonly Row[] = [
  [
    ...([
      'a client without a certificate',
      'PEER_DID_NOT_RETURN_A_CERTIFICATE',
      'ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE',
    ] as const),
    { ...asking(), play: peer => peer.advance() },
  ],
  [
    ...(['a client of another authority', 'UNKNOWN_CA', 'DEPTH_ZERO_SELF_SIGNED_CERT'] as const),
    { ...asking({ identity: 'client-stranger' }), ...at('client_key_exchange', () => {}) },
    {
      node: 'ECONNRESET',
      why: "Node tells why in the socket's authorizationError alone, and the client nothing",
    },
  ],
  [
    ...(['a client with the certificate of a server', 'CERTIFICATE_REFUSED', 'INVALID_PURPOSE'] as const),
    { ...asking({ identity: 'client-not-for-clients' }), ...at('client_key_exchange', () => {}) },
    {
      node: 'ECONNRESET',
      why: "Node tells why in the socket's authorizationError alone, and the client nothing",
    },
  ],
  [
    ...(['a key of another type', 'WRONG_CERTIFICATE_TYPE', 'ERR_SSL_WRONG_CERTIFICATE_TYPE'] as const),
    {
      ...{ ...client, puppet: { ...ecdsa, identity: 'ec' } },
      ...at('certificate', ({ puppet }) => {
        puppet.say('certificate', certificateBody([certificateDer('server')]))
        puppet.say('server_key_exchange', puppet.serverKeyExchange())
        puppet.say('server_hello_done', none)
      }),
    },
  ],
  [
    ...([
      'a key that is not for this suite',
      'KEY_USAGE_BIT_INCORRECT',
      'ERR_SSL_KEY_USAGE_BIT_INCORRECT',
    ] as const),
    { ...client, puppet: { ...ecdhe, identity: 'rsa-encrypting' }, ...at('server_key_exchange', () => {}) },
    { node: 'ECONNRESET', why: goesOn },
  ],
]

const disconnected = 'ECONNRESET'
const ends: readonly Row[] = [
  ['the end, at once', 'TRUNCATED', disconnected, { ...server, play: () => {} }],
  [
    'the end, in the middle',
    'TRUNCATED',
    disconnected,
    { ...server, ...at('client_key_exchange', () => {}) },
  ],
  [
    'the end of a server, in the middle',
    'TRUNCATED',
    disconnected,
    { ...client, ...at('certificate', () => {}) },
  ],
  [
    ...(['close_notify in the middle', 'TRUNCATED', disconnected] as const),
    { ...client, ...at('certificate', ({ puppet }) => puppet.send('alert', hex('0100'))) },
  ],
  [
    ...(['the end without close_notify', 'TRUNCATED', 'ERR_SSL_UNEXPECTED_EOF_WHILE_READING'] as const),
    { ...client, ...open(({ puppet }) => puppet.send('application_data', filled(4, 1))) },
    {
      node: 'none',
      why: 'who cuts a connection could cut data short, and RFC 5246 §7.2.1 has close_notify against it',
    },
  ],
]

const tables = { beforeTls, records, order, malformed, negotiation, keyExchanges, peers, ends }

describe.each(Object.entries(tables))('%s', (_, rows) => {
  test.each(rows.map(row => [row[0], row] as const))('%s', async (_name, row) => {
    const [, fault, code, situation, difference] = row
    const [node, ours] = await Promise.all([errorOf('node:tls', situation), errorOf('ours', situation)])
    expect(ours).toMatchObject({ code, cause: { code: fault } })
    if (typeof difference === 'object') {
      expect(asInNode20(node?.code)).toBe(difference.node)
      expect(difference.node).not.toBe(code)
    } else if (isNewer && difference) {
      expect(difference.split(' or ')).toContain(node?.code)
    } else {
      expect(shownOf(ours)).toEqual(shownOf(node))
    }
  })
})

/** What Node's people look at. The library is that of OpenSSL which noticed first; here it is its TLS. */
function shownOf(error: SeenError | undefined) {
  if (!error) return undefined
  const { code, library, reason, message } = error
  return library ? { code, reason } : { code, message }
}

// Certificates: what a client says of chains of test/fixtures/x509.

const pem = (name: string) => fixture(`x509/${name}.pem`)
/** The same with the last bit of its signature turned. */
function forged(name: string): string {
  const der = Buffer.from(new X509Certificate(pem(name)).raw)
  der[der.length - 1]! ^= 1
  return `-----BEGIN CERTIFICATE-----\n${der.toString('base64')}\n-----END CERTIFICATE-----\n`
}

const certificateFaults: readonly FaultCode[] = [
  'CERTIFICATE_EXPIRED',
  'UNKNOWN_CA',
  'CERTIFICATE_REFUSED',
  'UNSUPPORTED_CERTIFICATE',
  'HOSTNAME_MISMATCH',
  'CERTIFICATE_UNKNOWN',
]

describe('certificates', () => {
  /** A server with this chain, which stays as bad as it is. */
  async function serve(chain: readonly string[]): Promise<number> {
    const options = { cert: chain.join('\n'), key: pem('server.key'), ciphers: 'ALL:@SECLEVEL=0' }
    const { port } = await startNodeServer(options)
    return port
  }

  /** What a client says, refusing and not refusing. */
  async function saidOf(library: Library, options: Parameters<typeof openClient>[1]) {
    const error = await endOf(openClient(library, options))
    const lenient = openClient(library, { ...options, rejectUnauthorized: false })
    await once(lenient, 'secureConnect')
    return { error, authorizationError: lenient.authorizationError, authorized: lenient.authorized }
  }

  const rows: readonly [string, FaultCode, string, chain: readonly string[], ca?: string][] = [
    ['expired', 'CERTIFICATE_EXPIRED', 'CERT_HAS_EXPIRED', [pem('expired')]],
    ['not yet valid', 'CERTIFICATE_EXPIRED', 'CERT_NOT_YET_VALID', [pem('not-yet')], 'not-yet'],
    ['its issuer is missing', 'UNKNOWN_CA', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE', [pem('server')]],
    [
      ...(['no path to the root', 'UNKNOWN_CA', 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY'] as const),
      [pem('server'), pem('intermediate')],
      'self-signed',
    ],
    ['self-signed', 'UNKNOWN_CA', 'DEPTH_ZERO_SELF_SIGNED_CERT', [pem('self-signed')]],
    [
      ...(['a root that is not trusted', 'UNKNOWN_CA', 'SELF_SIGNED_CERT_IN_CHAIN'] as const),
      [pem('server'), pem('intermediate'), pem('root')],
      'self-signed',
    ],
    ['a forged signature', 'CERTIFICATE_REFUSED', 'CERT_SIGNATURE_FAILURE', [forged('plain')]],
    ['for clients', 'CERTIFICATE_REFUSED', 'INVALID_PURPOSE', [pem('client-only')]],
    [
      ...(['issued by what is no CA', 'CERTIFICATE_REFUSED', 'INVALID_PURPOSE'] as const),
      [pem('below-not-authority'), pem('not-authority')],
    ],
    [
      ...(['a path that is too long', 'CERTIFICATE_REFUSED', 'PATH_LENGTH_EXCEEDED'] as const),
      [pem('leaf-limited'), pem('below-limited'), pem('limited')],
    ],
    ['signed with SHA-1', 'CERTIFICATE_REFUSED', 'UNSPECIFIED', [pem('old-hash')]],
    [
      ...(['an issuer that may not sign', 'CERTIFICATE_REFUSED', 'UNSPECIFIED'] as const),
      [pem('below-non-signing'), pem('non-signing')],
    ],
    ['signed with MD5', 'UNSUPPORTED_CERTIFICATE', 'UNSPECIFIED', [pem('md5')]],
    [
      ...(['names outside of constraints', 'UNSUPPORTED_CERTIFICATE', 'UNSPECIFIED'] as const),
      [pem('below-constrained'), pem('constrained')],
    ],
  ]

  test.each(rows)('%s: %s: %s', async (_, fault, code, chain, ca = 'root') => {
    const options = { port: await serve(chain), ca: pem(ca), servername: 'server.example' }
    const [node, ours] = [await saidOf('node:tls', options), await saidOf('ours', options)]
    expect(node).toMatchObject({ error: { code }, authorizationError: code, authorized: false })
    expect(ours).toMatchObject({ error: { code, cause: { code: fault } }, authorizationError: code })
    expect(ours.authorized).toBe(false)
  })

  test.each(['other.example', 'x.y.wild.example', 'other.example.', ''])('not for %j', async servername => {
    const options = { port: await serve([pem('server'), pem('intermediate')]), ca: pem('root'), servername }
    const [node, ours] = [await saidOf('node:tls', options), await saidOf('ours', options)]
    const { message, code, reason, host, cert } = node.error as SeenError & { cert: PeerCertificate }
    expect(code).toBe('ERR_TLS_CERT_ALTNAME_INVALID')
    const shown = { message, code, reason, host, cert: { fingerprint256: cert.fingerprint256 } }
    expect(ours.error).toMatchObject({ ...shown, cause: { code: 'HOSTNAME_MISMATCH' } })
    expect([node.authorizationError, ours.authorizationError]).toEqual([code, code])
  })

  test('who refuses with an error of his own finds that very one', async () => {
    const own = new Error('not this one')
    const options = {
      ...{ port: await serve([pem('server'), pem('intermediate')]), ca: pem('root') },
      ...{ servername: 'server.example', checkServerIdentity: () => own },
    }
    for (const library of ['node:tls', 'ours'] as const) {
      const { error, authorizationError } = await saidOf(library, options)
      expect(error).toBe(own)
      expect(authorizationError).toBe('not this one')
    }
  })

  test('a client that shows none, where one is asked for', async () => {
    const options = { requestCert: true, rejectUnauthorized: false, ca: fixture('client-ca.pem') }
    const [node, ours] = [await startNodeServer(options), await startOwnServer(() => {}, options)]
    for (const { server, port } of [node, ours]) {
      const [[socket]] = await Promise.all([once(server, 'secureConnection'), openWithNode(port)])
      expect(socket).toMatchObject({ authorized: false, authorizationError: 'UNABLE_TO_GET_ISSUER_CERT' })
    }
  })

  // Node keeps the first handshake's word in its session; ours does not say more than that there was one.
  test('one that was not verified when the session was made', () => {
    expect(authorizationErrorOf(new TlsError('CERTIFICATE_UNKNOWN', 'a test'))).toBe('CERT_UNTRUSTED')
  })

  test('the certificate of a fault fills no log', () => {
    const fault = new TlsError('UNKNOWN_CA', 'a test', { certificate: filled(900, 0xab) })
    expect(inspect(fault)).not.toContain('171')
  })
})

describe('a connection that was reset', () => {
  test('says whereto, as in node:tls', async () => {
    const situation = { ...client, ...at('certificate', () => {}) }
    const [node, ours] = await Promise.all([errorOf('node:tls', situation), errorOf('ours', situation)])
    expect(Object.keys(ours!)).toEqual(Object.keys(node!))
    expect(ours).toMatchObject({ host: '127.0.0.1', port: expect.any(Number), message: node?.message })
  })

  test.each([
    { ...client, ...at('certificate', ({ transport }) => transport.resetAndDestroy()) },
    { ...server, ...at('client_key_exchange', ({ transport }) => transport.resetAndDestroy()) },
    { ...server, ...open(({ transport }) => transport.resetAndDestroy()) },
  ])('by the peer', async situation => {
    const [node, ours] = await Promise.all([errorOf('node:tls', situation), errorOf('ours', situation)])
    expect([node?.code, ours?.code]).toEqual(['ECONNRESET', 'ECONNRESET'])
  })

  test('a handshake that takes too long', async () => {
    const situation = { ...server, options: { handshakeTimeout: 50 }, stays: true, play: () => {} }
    const [node, ours] = await Promise.all([errorOf('node:tls', situation), errorOf('ours', situation)])
    expect([node?.code, ours?.code]).toEqual(['ERR_TLS_HANDSHAKE_TIMEOUT', 'ERR_TLS_HANDSHAKE_TIMEOUT'])
  })
})

// RFC 5246 §7.2, and two numbers of RFC 8446 §6 that a server may send before it knows the version.
const alerts = [...Object.values(AlertDescription).filter(number => number > 0), 109, 116]

describe('alerts', () => {
  test.each(alerts)('%i, told to a client', async number => {
    const situation = { ...client, ...at('server_hello', sends(plainRecord(21, Uint8Array.of(2, number)))) }
    const [node, ours] = await Promise.all([errorOf('node:tls', situation), errorOf('ours', situation)])
    expect(ours).toMatchObject({ library: node?.library, code: asInNode20(node?.code) })
    expect(ours?.code).toBe(`ERR_SSL_${String(ours?.reason).toUpperCase().replaceAll(' ', '_')}`)
    expect(ours?.cause).toBeInstanceOf(PeerAlert)
  })

  test('to a server, and after the handshake, the same', async () => {
    for (const play of [at('client_key_exchange', alertOf(40)), open(alertOf(40))]) {
      const situation = { ...server, ...play }
      expect(asInNode20((await errorOf('node:tls', situation))?.code)).toBe(
        'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
      )
      expect(await errorOf('ours', situation)).toMatchObject({
        code: 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
      })
    }
  })

  test.each([200, 0])('%i, a fatal one that node:tls loses', async number => {
    const situation = { ...client, ...at('server_hello', alertOf(number)) }
    expect(await errorOf('node:tls', situation)).toMatchObject({ code: 'ECONNRESET' })
    const code = number === 200 ? 'ERR_SSL_ALERT_200' : 'ERR_SSL_ALERT_CLOSE_NOTIFY'
    expect(await errorOf('ours', situation)).toMatchObject({
      code,
      cause: { description: number || 'close_notify' },
    })
  })
})

/** No situation brings these about that could be made for both, or none can here. */
const byRule: Readonly<Partial<Record<FaultCode, string>>> = {
  // After 2^24.5 records at the least (RFC 8446 §5.5).
  SEQUENCE_NUMBER_EXHAUSTED: 'ERR_SSL_SEQUENCE_NUMBER_EXHAUSTED',
  // The core can be told to demand it, and `ringtls/node` has no option that does.
  SECURE_RENEGOTIATION_REQUIRED: 'ERR_SSL_UNSAFE_LEGACY_RENEGOTIATION_DISABLED',
  // Nothing here judges staples.
  BAD_OCSP_RESPONSE: 'ERR_SSL_BAD_OCSP_RESPONSE',
  INTERNAL_ERROR: 'ERR_SSL_INTERNAL_ERROR',
  // An application's own word, which Node gives it no way to say.
  REFUSED: 'ERR_SSL_REFUSED',
  // Our own end, before the handshake's.
  ABORTED: 'ECONNRESET',
}

describe('every fault', () => {
  const fromTables = Object.values(tables).flatMap(rows => rows.map(([, fault]) => fault))
  const seen = new Set([...fromTables, ...certificateFaults, ...Object.keys(byRule)])

  test('is met here', () => {
    expect(Object.keys(faults).filter(fault => !seen.has(fault))).toEqual([])
  })

  test.each(Object.entries(byRule))('%s: %s', (fault, code) => {
    const error = new TlsError(fault as FaultCode, 'a test')
    expect(nodeError(error, { role: 'client', isOpen: false })).toMatchObject({ code, cause: error })
  })

  test('is in the documentation with its codes', () => {
    const page = readFileSync(new URL('../../docs/node-errors.md', import.meta.url), 'utf8')
    const documented = page.split('\n').filter(line => line.startsWith('|'))
    const pairs = Object.values(tables).flatMap(rows => rows.map(([, fault, code]) => [fault, code] as const))
    const all = [...pairs, ...(Object.entries(byRule) as [string, string][])]
    const isMissing = ([fault, code]: readonly [string, string]) =>
      !documented.some(line => line.includes(`\`${fault}\``) && line.includes(`\`${code}\``))
    expect(all.filter(isMissing)).toEqual([])
  })
})
