import { constants, generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { canSign, signatureScheme, signatureSchemeNames } from '../../src/crypto/signature-schemes.ts'
import { pssPairFor, publicKeyOf } from '../support/node-keys.ts'

/** Whether node:crypto can: its padding functions throw where a modulus has no room. */
function nodeCanSign(key: KeyObject, name: (typeof signatureSchemeNames)[number]): boolean {
  const { algorithm, hash } = signatureScheme(name)
  const padding = algorithm === 'pss' ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING
  try {
    sign(hash, Buffer.of(1), { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST })
    return true
  } catch {
    return false
  }
}

describe('canSign', () => {
  // Around what PKCS #1 needs with SHA-384 (78 bytes) and SHA-512 (94), and PSS with SHA-256, SHA-384 and SHA-512 (66, 98 and 130).
  test.each([512, 521, 522, 616, 617, 744, 745, 777, 778, 1024, 1033, 1034, 2048])(
    'an RSA key of %i bits can what node:crypto can with it',
    modulusLength => {
      const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength })
      for (const name of signatureSchemeNames.filter(name => signatureScheme(name).keyType === 'rsa')) {
        expect(canSign(publicKeyOf(publicKey), name), name).toBe(nodeCanSign(privateKey, name))
      }
    },
  )

  test('a key signs with the schemes of its type and no others', () => {
    const keys = {
      rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }),
      'rsa-pss': generateKeyPairSync('rsa-pss', { modulusLength: 2048 }),
      ec: generateKeyPairSync('ec', { namedCurve: 'P-521' }),
      ed25519: generateKeyPairSync('ed25519'),
    }
    for (const [type, { publicKey }] of Object.entries(keys)) {
      const able = signatureSchemeNames.filter(name => canSign(publicKeyOf(publicKey), name))
      expect(able).toEqual(signatureSchemeNames.filter(name => signatureScheme(name).keyType === type))
    }
  })

  test('a key for PSS with one hash signs with that alone', () => {
    const { publicKey } = pssPairFor('sha384')
    expect(signatureSchemeNames.filter(name => canSign(publicKeyOf(publicKey), name))).toEqual([
      'rsa_pss_pss_sha384',
    ])
  })
})
