/** What OpenSSL said in two handshakes with every message there is: test/fixtures/messages/make.sh records it. */
import { constants, type KeyObject, verify, X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import type { KeyExchange } from '../../src/crypto/cipher-suites.ts'
import {
  decodeHandshakeBody,
  encodeHandshake,
  type HandshakeBody,
  type HandshakeType,
  handshakeTypeOf,
} from '../../src/messages/handshake.ts'
import { type Bytes, cat, hex } from '../support/by-hand.ts'
import { readParams } from '../support/key-exchange-by-hand.ts'
import { fixture } from '../support/pair.ts'

interface Captured {
  /** As OpenSSL names it. */
  readonly name: string
  readonly raw: Bytes
}

function captured(file: string): readonly Captured[] {
  return fixture(`messages/${file}`)
    .split('\n')
    .filter(line => line !== '' && !line.startsWith('#'))
    .map(line => {
      const [name, digits] = line.split(' ')
      return { name: name!, raw: hex(digits!) }
    })
}

const flows: readonly { keyExchange: KeyExchange; messages: readonly Captured[] }[] = [
  { keyExchange: 'ecdhe', messages: captured('openssl-ecdhe.txt') },
  { keyExchange: 'dhe', messages: captured('openssl-dhe.txt') },
]

describe.each(flows)('OpenSSL, $keyExchange', ({ keyExchange, messages }) => {
  const bodyOf = <T extends HandshakeType>(type: T, nth = 0): HandshakeBody<T> => {
    const found = messages.filter(({ raw }) => handshakeTypeOf(raw[0]!) === type)[nth]!
    return decodeHandshakeBody(type, found.raw.subarray(4), keyExchange)
  }
  const rawOf = (name: string, nth = 0) => messages.filter(each => each.name === name)[nth]!.raw
  const leaf = (nth: number) =>
    new X509Certificate(Buffer.from(bodyOf('certificate', nth).certificateList[0]!)).publicKey

  test('has every message of figure 1, and two more', () => {
    expect(messages.map(({ name }) => name)).toEqual([
      ...['ClientHello', 'ServerHello', 'Certificate', 'CertificateStatus', 'ServerKeyExchange'],
      ...['CertificateRequest', 'ServerHelloDone', 'Certificate', 'ClientKeyExchange', 'CertificateVerify'],
      ...['Finished', 'NewSessionTicket', 'Finished'],
    ])
  })

  test.each(messages)('$name has its type, and reads and writes back as it was', ({ name, raw }) => {
    const type = handshakeTypeOf(raw[0]!)!
    expect(type.replaceAll('_', '')).toBe(name.toLowerCase())
    const value = decodeHandshakeBody(type, raw.subarray(4), keyExchange)
    expect(encodeHandshake(type, value, keyExchange)).toEqual(raw)
  })

  test.each(messages)('$name: every proper prefix of its body is decode_error', ({ raw }) => {
    const type = handshakeTypeOf(raw[0]!)!
    const body = raw.subarray(4)
    // Where the extensions of a hello begin, it might as well end.
    const sessionIdEnd = 35 + (body[34] ?? 0)
    const suitesEnd = sessionIdEnd + 2 + (((body[sessionIdEnd] ?? 0) << 8) | (body[sessionIdEnd + 1] ?? 0))
    const isHelloEnd = (cut: number) =>
      (type === 'client_hello' && cut === suitesEnd + 1 + body[suitesEnd]!) ||
      (type === 'server_hello' && cut === sessionIdEnd + 3)
    for (let cut = 0; cut < body.length; cut++) {
      if (isHelloEnd(cut)) continue
      expect(() => decodeHandshakeBody(type, body.subarray(0, cut), keyExchange), `${cut}`).toThrow(
        expect.objectContaining({ alert: 'decode_error' }),
      )
    }
  })

  test('ServerKeyExchange holds the parameters that its signature verifies', () => {
    const raw = rawOf('ServerKeyExchange')
    const { params, signedParams } = bodyOf('server_key_exchange')
    const { publicKey, end } = readParams(raw.subarray(4), keyExchange === 'ecdhe')
    expect('public' in params ? params.public : params.dhYs).toEqual(publicKey)
    if ('namedCurve' in params)
      expect(params).toMatchObject({ curveType: 'named_curve', namedCurve: 'secp256r1' })
    const randoms = cat(rawOf('ClientHello').subarray(6, 38), rawOf('ServerHello').subarray(6, 38))
    expect(signedParams.algorithm).toBe('rsa_pss_rsae_sha256')
    expect(verifyPss(leaf(0), cat(randoms, raw.subarray(4, 4 + end)), signedParams.signature)).toBe(true)
  })

  test('CertificateVerify signs everything before it', () => {
    const { handshakeMessages } = bodyOf('certificate_verify')
    const before = messages.slice(
      0,
      messages.findIndex(({ name }) => name === 'CertificateVerify'),
    )
    expect(handshakeMessages.algorithm).toBe('ecdsa_secp256r1_sha256')
    const signed = cat(...before.map(({ raw }) => raw))
    expect(verify('sha256', signed, leaf(1), handshakeMessages.signature)).toBe(true)
  })

  test('CertificateRequest, CertificateStatus and NewSessionTicket', () => {
    const request = bodyOf('certificate_request')
    expect([...request.certificateTypes].sort()).toEqual(['dss_sign', 'ecdsa_sign', 'rsa_sign'])
    expect(request.supportedSignatureAlgorithms).toContain('rsa_pss_rsae_sha256')
    expect(request.certificateAuthorities).toHaveLength(1)
    const status = rawOf('CertificateStatus')
    expect(bodyOf('certificate_status')).toEqual({ statusType: 'ocsp', response: status.subarray(8) })
    // An OCSPResponse begins with SEQUENCE, ENUMERATED successful (RFC 6960 §4.2.1).
    expect(status.subarray(8, 9)).toEqual(hex('30'))
    // s_server's tickets live two hours.
    expect(bodyOf('new_session_ticket')).toEqual({
      ticketLifetimeHint: 7200,
      ticket: rawOf('NewSessionTicket').subarray(10),
    })
  })

  test('both hellos hold the extensions that were asked for on the command line', () => {
    const types = (type: 'client_hello' | 'server_hello') =>
      bodyOf(type).extensions!.map(each => each.extensionType)
    const asked = [
      'server_name',
      'application_layer_protocol_negotiation',
      'status_request',
      'session_ticket',
    ]
    expect(types('client_hello')).toEqual(expect.arrayContaining(asked))
    expect(types('server_hello')).toEqual(
      expect.arrayContaining(['application_layer_protocol_negotiation', 'status_request', 'session_ticket']),
    )
  })
})

function verifyPss(key: KeyObject, content: Uint8Array, signature: Uint8Array): boolean {
  const saltLength = 32
  return verify('sha256', content, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }, signature)
}
