/** Private keys in all forms that node:tls takes, and in ours; node:tls is the client that sees whether they work. */
import { constants, createPrivateKey, privateDecrypt, sign, X509Certificate } from 'node:crypto'
import { PassThrough } from 'node:stream'
import { createSecureContext as createNodeContext, TLSSocket } from 'node:tls'
import { inspect } from 'node:util'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { type SignatureScheme, signatureScheme } from '../../src/crypto/signature-schemes.ts'
import { ApiMisuse } from '../../src/errors.ts'
import {
  createSecureContext,
  type PrivateKeySigner,
  type SecureContextOptions,
} from '../../src/node/index.ts'
import { fixture } from '../support/pair.ts'
import { needs } from '../support/peers.ts'
import { openWithNode } from './foreign.ts'
import { keyFile, passphrase, pkcs12File } from './key-files.ts'
import { serve } from './support.ts'

const rsaForms = ['PKCS #8', 'PKCS #1', 'PKCS #8, PBKDF2', 'PKCS #8, scrypt', 'PKCS #1, Proc-Type']
const ecForms = ['PKCS #8', 'SEC 1', 'PKCS #8, PBKDF2', 'PKCS #8, scrypt', 'SEC 1, Proc-Type']
const otherForms = ['PKCS #8', 'PKCS #8, PBKDF2', 'PKCS #8, scrypt']
const formsOf: Readonly<Record<string, readonly string[]>> = {
  ...{ server: rsaForms, ec: ecForms, ec384: ecForms, ec521: ecForms },
  ...{ ed25519: otherForms, 'rsa-pss': otherForms },
}
const names = Object.keys(formsOf)
const pairs = names.flatMap(name => formsOf[name]!.map(form => [name, form] as const))
const encryptedPairs = pairs.filter(([, form]) => form.includes(','))

/** A server of ours with these options shows a client of node:tls this certificate, and proves it. */
async function expectToServe(name: string, options: Partial<SecureContextOptions>): Promise<void> {
  const { port } = await serve({ cert: undefined, key: undefined, ...options })
  const client = await openWithNode(port)
  expect(client.authorized).toBe(true)
  expect(client.getPeerX509Certificate()!.fingerprint256).toBe(
    new X509Certificate(fixture(`${name}.pem`)).fingerprint256,
  )
}

/** What a context of node:tls and one of ours say to the same options. */
function refusals(options: object): { theirs: string | undefined; ours: ApiMisuse & { code?: string } } {
  const ours = errorOf(() => createSecureContext(options))
  expect(ours).toBeInstanceOf(ApiMisuse)
  expect(ours.message).toMatch(/^[^\n]+$/)
  return {
    theirs: (errorOf(() => createNodeContext(options)) as { code?: string }).code,
    ours: ours as ApiMisuse & { code?: string },
  }
}

function errorOf(make: () => unknown): Error {
  try {
    make()
  } catch (error) {
    return error as Error
  }
  throw new Error('nothing was thrown')
}

describe('a key', () => {
  needs('openssl', () => {
    it.each(pairs)('%s in %s works, and node:tls takes it too', async (name, form) => {
      const options = { cert: fixture(`${name}.pem`), key: keyFile(name, form), passphrase }
      createNodeContext(options)
      await expectToServe(name, options)
    })

    it.each(['noble', 'node'] as const)('of each sort works with provider %s', async provider => {
      for (const name of names)
        await expectToServe(name, { cert: fixture(`${name}.pem`), key: fixture(`${name}.key`), provider })
    })

    it('that is encrypted opens also where node:tls has left an error behind in OpenSSL', () => {
      // setSession is not in Node's types.
      const socket = new TLSSocket(new PassThrough()).on('error', () => {}) as TLSSocket & {
        setSession(session: Buffer): void
      }
      onTestFinished(() => void socket.destroy())
      const options = { cert: fixture('ec.pem'), key: keyFile('ec', 'PKCS #8, PBKDF2'), passphrase }
      socket.setSession(Buffer.from('3082ffff', 'hex'))
      expect(createSecureContext(options).certifiedKeys).toHaveLength(1)
    })

    it('may come with its own passphrase, or with that of all', () => {
      const cert = fixture('server.pem')
      const pem = keyFile('server', 'PKCS #8, PBKDF2')
      for (const options of [
        { cert, key: [{ pem, passphrase }] },
        { cert, key: [{ pem }], passphrase },
        { cert, key: [{ pem, passphrase }], passphrase: 'another' },
        { cert, key: [pem.toString()], passphrase },
        { cert, key: new DataView(pem.buffer, pem.byteOffset, pem.length), passphrase },
      ]) {
        createNodeContext(options as object)
        expect(createSecureContext(options as SecureContextOptions).certifiedKeys).toHaveLength(1)
      }
    })

    it.each(encryptedPairs)('%s in %s: a wrong passphrase, an empty one, none', (name, form) => {
      const key = keyFile(name, form)
      const cert = fixture(`${name}.pem`)
      for (const wrong of ['a wrong one, of course', '', undefined]) {
        const { theirs, ours } = refusals({ cert, key, passphrase: wrong })
        expect(ours.code).toBe('ERR_OSSL_BAD_DECRYPT')
        // One key in 256 opens it to something that then is no private key, which Node tells apart.
        expect(theirs).toMatch(/^ERR_OSSL_/)
        const wanted =
          wrong === undefined ? 'it is encrypted: give its passphrase' : 'the passphrase does not open it'
        expect(ours.message).toContain(`private key: ${wanted}`)
        expect(inspect(ours, { depth: 9, showHidden: true })).not.toContain('a wrong one')
      }
    })

    it('that a wrong passphrase opens to rubbish is refused in the same words', () => {
      const key = keyFile('server', 'PKCS #1, Proc-Type')
      // A wrong one in 256 has padding that looks right.
      for (let i = 0; i < 1500; i++) {
        const error = errorOf(() => createSecureContext({ key, passphrase: `wrong ${i}` }))
        expect(error).toMatchObject({
          code: 'ERR_OSSL_BAD_DECRYPT',
          message: 'private key: the passphrase does not open it',
        })
      }
    })

    it('encrypted by a cipher of old is refused with advice, since OpenSSL opens none', () => {
      const key = `-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: DES-CBC,00FBD35EFA92983B\n\n${'A'.repeat(64)}\n-----END RSA PRIVATE KEY-----\n`
      const ours = errorOf(() => createSecureContext({ key, passphrase }))
      expect(ours).toMatchObject({
        code: 'ERR_OSSL_EVP_UNSUPPORTED',
        message: /openssl pkcs8 -topk8 -provider legacy/,
      })
    })
  })

  it.each(names)('%s as a KeyObject works, with either provider', async name => {
    const key = createPrivateKey(fixture(`${name}.key`))
    for (const provider of ['noble', 'node'] as const)
      await expectToServe(name, { cert: fixture(`${name}.pem`), key, provider })
  })

  it.each([
    ['a number', 5],
    ['a list of a number', [5]],
    ['true', true],
    ['an object', {}],
  ])('that is %s: ERR_INVALID_ARG_TYPE, as node:tls', (_what, key) => {
    const { theirs, ours } = refusals({ key })
    expect([ours.code, theirs]).toEqual(['ERR_INVALID_ARG_TYPE', 'ERR_INVALID_ARG_TYPE'])
  })

  it.each([
    ['a passphrase that is a number', { key: fixture('server.key'), passphrase: 5 }],
    ['a passphrase that is a Buffer', { key: fixture('server.key'), passphrase: Buffer.from('x') }],
    ['a passphrase of one key', { key: [{ pem: fixture('server.key'), passphrase: 5 }] }],
    ['no key at all', { key: 'abc' }],
    ['no certificate at all', { cert: 'abc', key: fixture('server.key') }],
    ['a key of another certificate', { cert: fixture('server.pem'), key: fixture('other.key') }],
  ])('%s: the code of node:tls', (_what, options) => {
    const { theirs, ours } = refusals(options)
    expect(ours.code).toMatch(/^ERR_/)
    expect(ours.code).toBe(theirs)
  })

  it('that is public is refused', () => {
    const publicKey = new X509Certificate(fixture('server.pem')).publicKey
    const ours = errorOf(() => createSecureContext({ key: publicKey }))
    expect(ours).toMatchObject({ code: 'ERR_CRYPTO_INVALID_KEY_OBJECT_TYPE' })
  })

  it('is not shown by a context, whatever it came as', () => {
    for (const provider of ['noble', 'node'] as const)
      for (const key of [fixture('server.key'), createPrivateKey(fixture('server.key')), rsaSigner()]) {
        const context = createSecureContext({ cert: fixture('server.pem'), key, passphrase, provider })
        const text = inspect(context, { depth: 20, maxStringLength: null, maxArrayLength: null })
        const jwk = createPrivateKey(fixture('server.key')).export({ format: 'jwk' })
        for (const secret of [jwk.d!, jwk.p!, jwk.q!, jwk.dp!]) {
          const number = BigInt(`0x${Buffer.from(secret, 'base64url').toString('hex')}`)
          for (const form of [secret, number.toString(), number.toString(16)])
            expect(text).not.toContain(form)
        }
        expect(text).not.toContain(passphrase)
      }
  })
})

/** A key that is elsewhere: node:crypto behind a promise. */
function signerOf(name: string, more: Partial<PrivateKeySigner> = {}): PrivateKeySigner {
  const key = createPrivateKey(fixture(`${name}.key`))
  return {
    async sign(scheme: SignatureScheme, message: Uint8Array) {
      const { algorithm, hash } = signatureScheme(scheme)
      const padding = algorithm === 'pss' ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING
      const isRsa = algorithm === 'pss' || algorithm === 'pkcs1'
      return sign(hash, message, isRsa ? { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST } : key)
    },
    ...more,
  }
}

function rsaSigner(more: Partial<PrivateKeySigner> = {}): PrivateKeySigner {
  const key = createPrivateKey(fixture('server.key'))
  const decrypt = async (ciphertext: Uint8Array) =>
    privateDecrypt({ key, padding: constants.RSA_NO_PADDING }, ciphertext)
  return signerOf('server', { decrypt, ...more })
}

const rsaKeyExchange = { ciphers: 'AES128-GCM-SHA256' }

describe('a signer', () => {
  it.each(names)('of %s signs for a server', async name => {
    await expectToServe(name, { cert: fixture(`${name}.pem`), key: signerOf(name) })
  })

  it('that can decrypt serves RSA key exchange', async () => {
    const decrypt = vi.fn(rsaSigner().decrypt!)
    const { port } = await serve({ key: rsaSigner({ decrypt }) })
    expect((await openWithNode(port, rsaKeyExchange)).getCipher().name).toBe('AES128-GCM-SHA256')
    expect(decrypt).toHaveBeenCalledOnce()
  })

  it('that cannot has no suite of RSA key exchange', async () => {
    const { port } = await serve({ key: signerOf('server') })
    await expect(openWithNode(port, rsaKeyExchange)).rejects.toMatchObject({
      code: 'ERR_SSL_SSLV3_ALERT_HANDSHAKE_FAILURE',
    })
  })

  it.each([
    ['rejects', { sign: () => Promise.reject(new Error('the module is locked')) }],
    [
      'throws',
      {
        sign: () => {
          throw new Error('the module is locked')
        },
      },
    ],
    ['gives another signature', { sign: async () => Buffer.alloc(256, 1) }],
    ['gives none', { sign: async () => undefined as unknown as Uint8Array }],
  ])('that %s: internal_error, and the next connection is served', async (_what, more) => {
    const good = signerOf('server')
    let broken = true
    const signer: PrivateKeySigner = { sign: (...args) => (broken ? more.sign() : good.sign(...args)) }
    const { port } = await serve({ key: signer })
    await expect(openWithNode(port)).rejects.toMatchObject({ code: 'ERR_SSL_TLSV1_ALERT_INTERNAL_ERROR' })
    broken = false
    expect((await openWithNode(port)).authorized).toBe(true)
  })

  it.each([
    ['rejects', () => Promise.reject(new Error('no'))],
    [
      'throws',
      () => {
        throw new Error('no')
      },
    ],
    ['gives nothing', async () => undefined],
    ['gives too little', async () => Buffer.alloc(48)],
    ['gives another padding', async () => Buffer.alloc(256, 1)],
    ['gives a text', async () => '\0'.repeat(256) as unknown as Uint8Array],
  ])('whose decryption %s: as a bad padding, which shows at Finished', async (_what, decrypt) => {
    const { port } = await serve({ key: rsaSigner({ decrypt }) })
    await expect(openWithNode(port, rsaKeyExchange)).rejects.toMatchObject({
      code: 'ERR_SSL_SSLV3_ALERT_BAD_RECORD_MAC',
    })
  })

  it.each([
    ['of a scheme that is none', ['rsa_pkcs1_md5']],
    ['that are no list', 'rsa_pkcs1_sha256'],
  ])('with schemes %s is refused at the start', (_what, schemes) => {
    const key = signerOf('server', { schemes: schemes as readonly SignatureScheme[] })
    expect(() => createSecureContext({ cert: fixture('server.pem'), key })).toThrow(ApiMisuse)
    expect(() => createSecureContext({ cert: fixture('server.pem'), key })).toThrow(/rsa_pkcs1_sha256/)
  })

  it('whose decryption rejects is a key that never throws, as every key', async () => {
    const decrypt = () => Promise.reject(new Error('no'))
    const { certifiedKeys } = createSecureContext({
      cert: fixture('server.pem'),
      key: rsaSigner({ decrypt }),
    })
    expect(await certifiedKeys[0]!.key.decryptRaw!(new Uint8Array(256))).toBeUndefined()
  })

  it('signs by none but its own schemes', async () => {
    const seen: string[] = []
    const { sign: signWith } = signerOf('server')
    const signer: PrivateKeySigner = {
      schemes: ['rsa_pkcs1_sha384'],
      sign(scheme, message) {
        seen.push(scheme)
        return signWith(scheme, message)
      },
    }
    const { port } = await serve({ key: signer })
    await openWithNode(port)
    expect(seen).toEqual(['rsa_pkcs1_sha384'])
  })

  it('whose parts are no functions is refused', () => {
    const cert = fixture('server.pem')
    for (const key of [{ sign: 1 }, { sign: () => {}, decrypt: 1 }])
      expect(() => createSecureContext({ cert, key: key as unknown as PrivateKeySigner })).toThrow(ApiMisuse)
  })

  it('of a short RSA key is refused', () => {
    const options = { cert: fixture('short-rsa.pem'), key: signerOf('short-rsa') }
    expect(() => createSecureContext(options)).toThrow(/an RSA key of 1024 bits, wanted 2048/)
  })
})

describe('several', () => {
  const cert = names.map(name => fixture(`${name}.pem`))

  it('find their certificates in any order', () => {
    const key = [...names].reverse().map(name => fixture(`${name}.key`))
    const { certifiedKeys } = createSecureContext({ cert, key })
    for (const { leaf, key } of certifiedKeys) expect(leaf.subjectPublicKey).toEqual(key.publicKey)
    expect(certifiedKeys).toHaveLength(names.length)
  })

  it('one key may serve several certificates, a signer the one that is left', () => {
    const [server, ec] = [fixture('server.pem'), fixture('ec.pem')]
    const { certifiedKeys } = createSecureContext({
      cert: [server, ec, server],
      key: [signerOf('ec'), fixture('server.key')],
    })
    expect(certifiedKeys.map(({ key }) => key.publicKey.type)).toEqual(['rsa', 'ec', 'rsa'])
    expect(certifiedKeys[0]!.key).toBe(certifiedKeys[2]!.key)
  })

  it('the same key may be given for each of its certificates, as node:tls takes it', () => {
    const [cert, key] = ['server.pem', 'server.key'].map(fixture)
    const options = { cert: [cert!, cert!], key: [key!, key!] }
    expect(() => createNodeContext(options)).not.toThrow()
    expect(createSecureContext(options).certifiedKeys).toHaveLength(2)
  })

  it.each([
    ['a certificate too many', [fixture('server.pem'), fixture('ec.pem')], [fixture('server.key')]],
    ['a key too many', [fixture('server.pem')], [fixture('server.key'), fixture('ec.key')]],
    ['a signer too many', [fixture('server.pem')], [fixture('server.key'), signerOf('ec')]],
    ['no key', [fixture('server.pem')], []],
    ['no certificate', [], [fixture('server.key')]],
  ])('%s is refused', (_what, cert, key) => {
    expect(() => createSecureContext({ cert, key })).toThrow(
      `${cert.length} certificates and ${key.length} keys were given`,
    )
  })

  it('two that do not fit are told apart by their places', () => {
    const cert = [fixture('ec.pem'), fixture('server.pem')]
    const key = [fixture('ec.key'), fixture('other.key')]
    expect(() => createSecureContext({ cert, key })).toThrow(/CN=localhost does not fit the private key/)
  })
})

needs('openssl', () => {
  describe('pfx', () => {
    it('is a certificate and its key, as for node:tls', async () => {
      const pfx = pkcs12File('server')
      for (const options of [
        { pfx, passphrase },
        { pfx: [pfx], passphrase },
        { pfx: [{ buf: pfx, passphrase }] },
        { pfx: [{ buf: pfx }], passphrase },
      ]) {
        createNodeContext(options)
        await expectToServe('server', options)
      }
      await expectToServe('server', { pfx: pfx.toString('latin1'), passphrase })
    })

    it('stands beside cert and key, and beside others', () => {
      const { certifiedKeys } = createSecureContext({
        pfx: [pkcs12File('server'), { buf: pkcs12File('ec', [], 'other'), passphrase: 'other' }],
        passphrase,
        cert: fixture('ed25519.pem'),
        key: fixture('ed25519.key'),
      })
      expect(certifiedKeys.map(({ key }) => key.publicKey.type)).toEqual(['ed25519', 'rsa', 'ec'])
    })

    it.each([
      ['a wrong passphrase', { passphrase: 'a wrong one' }, /the passphrase does not open it/],
      ['none', {}, /the passphrase does not open it/],
    ])('%s: one clear error', (_what, options, message) => {
      const { ours, theirs } = refusals({ pfx: pkcs12File('server'), ...options })
      expect(ours.message).toMatch(message)
      // Node has OpenSSL's text alone.
      expect([ours.code, theirs]).toEqual(['ERR_CRYPTO_OPERATION_FAILED', undefined])
      expect(inspect(ours, { depth: 9, showHidden: true })).not.toContain('a wrong one')
    })

    it.each([
      ['garbage', Buffer.from('abc')],
      ['nothing', Buffer.alloc(0)],
      ['a PEM text', Buffer.from(fixture('server.pem'))],
    ])('%s: one clear error', (_what, pfx) => {
      expect(refusals({ pfx, passphrase }).ours.message).toMatch(/^pfx: .*PKCS #12/)
    })

    it('a number: refused', () => {
      expect(refusals({ pfx: 5 }).ours.code).toBe('ERR_INVALID_ARG_TYPE')
    })
  })
})
