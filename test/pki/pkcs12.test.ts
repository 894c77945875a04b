/** PKCS #12 files that openssl and NSS write; what is in them is known, since it is the fixtures. */
import { createPrivateKey, X509Certificate } from 'node:crypto'
import { createSecureContext as createNodeContext } from 'node:tls'
import { describe, expect, it } from 'vitest'
import { toHex } from '../../src/bytes.ts'
import { ApiMisuse } from '../../src/errors.ts'
import { createSecureContext } from '../../src/node/index.ts'
import { readPkcs12 } from '../../src/pki/pkcs12.ts'
import { folderOf, openssl, passphrase, pkcs12File } from '../node/key-files.ts'
import { fixture } from '../support/pair.ts'
import { needs, runPeer } from '../support/peers.ts'

const names = ['server', 'ec', 'ec384', 'ec521', 'ed25519', 'rsa-pss']

const certificateOf = (name: string) => toHex(new X509Certificate(fixture(`${name}.pem`)).raw)

/** What a file holds is the key and the certificate of the fixtures, and no more. */
function expectPair(file: Uint8Array, name: string, secret: string | null = passphrase): void {
  const { privateKeys, certificates } = readPkcs12(file, secret ?? undefined)
  expect(certificates.map(toHex)).toEqual([certificateOf(name)])
  expect(privateKeys).toHaveLength(1)
  const key = createPrivateKey({ key: Buffer.from(privateKeys[0]!), format: 'der', type: 'pkcs8' })
  expect(key.equals(createPrivateKey(fixture(`${name}.key`)))).toBe(true)
}

needs('openssl', () => {
  describe('readPkcs12', () => {
    it.each(names)('%s, as openssl 3 writes it: PBES2, AES-256-CBC, a MAC with SHA-256', name => {
      const file = pkcs12File(name)
      createNodeContext({ pfx: file, passphrase })
      expectPair(file, name)
    })

    it.each(names)(
      '%s, as older tools do: RC2 of 40 bits and 3DES, a MAC with SHA-1, which Node refuses',
      name => {
        const file = pkcs12File(name, ['-legacy'])
        expect(() => createNodeContext({ pfx: file, passphrase })).toThrow(/Unsupported PKCS12/)
        expectPair(file, name)
      },
    )

    it.each([
      ['3DES for all', ['-keypbe', 'PBE-SHA1-3DES', '-certpbe', 'PBE-SHA1-3DES', '-macalg', 'SHA1']],
      ['AES-128 and SHA-1', ['-keypbe', 'AES-128-CBC', '-certpbe', 'AES-128-CBC', '-macalg', 'SHA1']],
      ['a MAC with SHA-384', ['-macalg', 'SHA384']],
      ['a MAC with SHA-512', ['-macalg', 'SHA512']],
      ['one iteration', ['-noiter', '-nomaciter']],
      ['certificates in the clear', ['-certpbe', 'NONE']],
      ['a key in the clear', ['-keypbe', 'NONE']],
    ])('%s', (_what, args) => {
      const file = pkcs12File('ec', args)
      createNodeContext({ pfx: file, passphrase })
      expectPair(file, 'ec')
    })

    it.each(['grün, 夏, 🔑', ''])('under the passphrase "%s"', secret => {
      for (const args of [[], ['-legacy']]) {
        const file = pkcs12File('ec', args, secret)
        expectPair(file, 'ec', secret)
        if (secret === '') expectPair(file, 'ec', null)
        else expect(() => readPkcs12(file, 'grun')).toThrow('pfx: the passphrase does not open it')
      }
      createNodeContext({ pfx: pkcs12File('ec', [], secret), passphrase: secret })
    })

    it('a wrong passphrase is one clear error, whatever the cipher', () => {
      for (const args of [[], ['-legacy']])
        for (const wrong of ['wrong', '', undefined])
          expect(() => readPkcs12(pkcs12File('server', args), wrong)).toThrow(
            new ApiMisuse('pfx: the passphrase does not open it: give the one it was made with'),
          )
    })

    it('without a MAC it is refused, as by Node: nothing tells whether it was changed', () => {
      const file = pkcs12File('ec', ['-nomac'])
      expect(() => createNodeContext({ pfx: file, passphrase })).toThrow('mac absent')
      expect(() => readPkcs12(file, passphrase)).toThrow(/it has no MAC/)
    })

    it('a MAC that is not known is not passed over', () => {
      expect(() => readPkcs12(pkcs12File('ec', ['-macalg', 'SM3']), passphrase)).toThrow(
        /its MAC is of algorithm/,
      )
    })

    it('every changed byte is noticed, or makes no difference', () => {
      const file = pkcs12File('ed25519', [
        '-keypbe',
        'NONE',
        '-certpbe',
        'NONE',
        '-macalg',
        'SHA1',
        '-nomaciter',
      ])
      expectPair(file, 'ed25519')
      for (let i = 0; i < file.length; i++) {
        const damaged = Buffer.from(file)
        damaged[i]! ^= 0x04
        try {
          expectPair(damaged, 'ed25519')
        } catch (error) {
          expect(error, `byte ${i}`).toBeInstanceOf(ApiMisuse)
          expect((error as Error).message).toMatch(/^pfx: [^\n]+$/)
        }
      }
    })

    it('that wants minutes of our time is refused at once', () => {
      const ofMac = pkcs12File('ec', ['-iter', '65536'])
      const count = ofMac.lastIndexOf(Buffer.from('0203010000', 'hex'))
      ofMac.fill(0x7f, count + 2, count + 5)
      expect(() => readPkcs12(ofMac, passphrase)).toThrow(
        /it wants 8355711 iterations, and takes 1 to 5000000/,
      )
      // Not so slow with openssl: it takes a second to make.
      const noMac = ['-iter', '5000001', '-nomaciter', '-certpbe', 'NONE']
      const ofOldKey = pkcs12File('ec', ['-legacy', ...noMac])
      expect(() => readPkcs12(ofOldKey, passphrase)).toThrow(/it wants 5000001 iterations/)
    }, 60_000)

    it('every cut is refused', () => {
      const file = pkcs12File('ed25519', ['-nomaciter'])
      for (let length = 0; length < file.length; length += 7)
        expect(() => readPkcs12(file.subarray(0, length), passphrase)).toThrow(ApiMisuse)
    })
  })

  describe('a file with a chain', () => {
    const x509 = (name: string) => fixture(`x509/${name}.pem`)
    const make = (files: Readonly<Record<string, string>>, args: readonly string[]) => {
      const folder = folderOf(files)
      const words = args.map(word => (word in files ? folder.path(word) : word))
      return openssl(['pkcs12', '-export', '-passout', `pass:${passphrase}`, ...words])
    }
    const chained = () =>
      make(
        {
          'leaf.pem': x509('server'),
          'leaf.key': fixture('x509/server.key.pem'),
          'more.pem': x509('root') + x509('intermediate'),
        },
        ['-in', 'leaf.pem', '-inkey', 'leaf.key', '-certfile', 'more.pem'],
      )

    it('serves the leaf and what is above it but the root, which it trusts', () => {
      const { certifiedKeys, anchors } = createSecureContext({ pfx: chained(), passphrase })
      const [leaf, intermediate, root] = ['server', 'intermediate', 'root'].map(name =>
        toHex(new X509Certificate(x509(name)).raw),
      )
      expect(certifiedKeys[0]!.certificateList.map(toHex)).toEqual([leaf, intermediate])
      expect(anchors.map(({ raw }) => toHex(raw))).toEqual([root])
    })

    it('without a key, or without its certificate, is refused', () => {
      const none = make({ 'leaf.pem': x509('server') }, ['-nokeys', '-in', 'leaf.pem'])
      expect(() => createSecureContext({ pfx: none, passphrase })).toThrow(
        /it holds 0 private keys, wanted one/,
      )
      const keyOnly = make({ 'leaf.key': fixture('ec.key') }, ['-nocerts', '-in', 'leaf.key'])
      expect(() => createSecureContext({ pfx: keyOnly, passphrase })).toThrow(
        /none of its certificates belongs to its private key/,
      )
    })
  })

  needs('pk12util', () => {
    it('a file of NSS, which is BER with lengths left open', async () => {
      const folder = folderOf({ 'in.p12': pkcs12File('server'), password: '' })
      const database = `sql:${folder.path('.')}`
      const run = async (args: readonly string[]) =>
        expect((await runPeer('pk12util', [...args, '-d', database, '-K', ''])).exitCode).toBe(0)
      await runPeer('certutil', ['-N', '-d', database, '--empty-password'])
      await run(['-i', folder.path('in.p12'), '-W', passphrase])
      await run(['-o', folder.path('out.p12'), '-n', 'localhost', '-W', passphrase])
      const file = folder.read('out.p12')
      // 30 80: a SEQUENCE of indefinite length (X.690 §8.1.3.6).
      expect(toHex(file.subarray(0, 2))).toBe('3080')
      expectPair(file, 'server')
      // 600,000 iterations for each part, here and in NSS, on a machine that may be busy.
    }, 60_000)
  })
})
