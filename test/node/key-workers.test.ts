/** Private-key operations in worker threads: the same results, another thread, and what happens when one dies. */
import { spawnSync } from 'node:child_process'
import * as crypto from 'node:crypto'
import { once } from 'node:events'
import { inspect } from 'node:util'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { type SignatureScheme, signatureScheme } from '../../src/crypto/signature-schemes.ts'
import { ApiMisuse, TlsError } from '../../src/errors.ts'
import { type KeyWorkersOptions, keyWorkers, sharedKeyWorkers } from '../../src/node/key-workers.ts'
import { NobleRsaPrivateKey } from '../../src/providers/noble/rsa-private-key.ts'
import { NodeRsaPrivateKey } from '../../src/providers/node/rsa.ts'
import type { PrivateKeyComponents } from '../../src/x509/private-key.ts'
import { fixture } from '../support/fixtures.ts'
import { curveComponentsOf, pssPairFor, publicKeyOf, rsaComponentsOf } from '../support/node-keys.ts'
import { ending, open, startServer } from './support.ts'

const message = crypto.randomBytes(100)
const rsa = crypto.generateKeyPairSync('rsa', { modulusLength: 2048 })

function startWorkers(count: number, options: KeyWorkersOptions = {}) {
  const workers = keyWorkers(count, options)
  onTestFinished(() => workers.close())
  return workers
}

const pairs: readonly [SignatureScheme, crypto.KeyPairKeyObjectResult][] = [
  ['rsa_pkcs1_sha256', rsa],
  ['rsa_pss_rsae_sha256', rsa],
  ['rsa_pss_pss_sha384', pssPairFor('sha384')],
  ['ecdsa_secp256r1_sha256', crypto.generateKeyPairSync('ec', { namedCurve: 'P-256' })],
  ['ecdsa_secp521r1_sha512', crypto.generateKeyPairSync('ec', { namedCurve: 'P-521' })],
  ['ed25519', crypto.generateKeyPairSync('ed25519')],
]

function verifies(scheme: SignatureScheme, key: crypto.KeyObject, signature: Uint8Array): boolean {
  const { algorithm, hash } = signatureScheme(scheme)
  const pss = {
    padding: crypto.constants.RSA_PKCS1_PSS_PADDING,
    saltLength: crypto.constants.RSA_PSS_SALTLEN_DIGEST,
  }
  return crypto.verify(hash, message, { key, ...(algorithm === 'pss' && pss) }, signature)
}

describe.each(['noble', 'node'] as const)('workers with %s', provider => {
  test('sign with every kind of key, given by its numbers or as a KeyObject', async () => {
    const workers = startWorkers(2, { provider })
    for (const [scheme, { privateKey, publicKey }] of pairs) {
      for (const key of [
        workers.fromComponents(componentsOf(privateKey)),
        workers.fromKeyObject(privateKey),
      ]) {
        expect(key.publicKey).toEqual(publicKeyOf(publicKey))
        const signatures = await Promise.all([1, 2, 3].map(() => key.sign(scheme, message)))
        for (const signature of signatures) expect(verifies(scheme, publicKey, signature), scheme).toBe(true)
      }
    }
  })

  test('decrypt, and give nothing for what is no ciphertext; keys of other types do not decrypt', async () => {
    const workers = startWorkers(1, { provider })
    const padding = crypto.constants.RSA_NO_PADDING
    const encoded = Buffer.alloc(256, 0x21)
    const ciphertext = crypto.publicEncrypt({ key: rsa.publicKey, padding }, encoded)
    for (const key of [
      workers.fromComponents(rsaComponentsOf(rsa.privateKey)),
      workers.fromKeyObject(rsa.privateKey),
    ]) {
      expect(await key.decryptRaw?.(ciphertext)).toEqual(new Uint8Array(encoded))
      for (const bytes of [new Uint8Array(0), new Uint8Array(257), new Uint8Array(256).fill(0xff)])
        expect(await key.decryptRaw?.(bytes)).toBeUndefined()
    }
    const ec = workers.fromKeyObject(pairs[3]![1].privateKey)
    expect(ec.decryptRaw).toBeUndefined()
  })

  test('a scheme of another key is ApiMisuse', async () => {
    const key = startWorkers(1, { provider }).fromKeyObject(rsa.privateKey)
    await expect(key.sign('ed25519', message)).rejects.toThrow(ApiMisuse)
  })

  test('printed, a key and its workers show nothing secret', () => {
    const workers = startWorkers(1, { provider })
    const shown = inspect([workers, workers.fromComponents(rsaComponentsOf(rsa.privateKey))], {
      depth: 9,
      showHidden: true,
    })
    const { prime1, privateExponent } = rsaComponentsOf(rsa.privateKey)
    for (const secret of [prime1, privateExponent]) {
      expect(shown).not.toContain(String(secret))
      expect(shown).not.toContain(secret.toString(16))
    }
  })

  test('no handshake has its RSA operation on the event loop', async () => {
    const prototypes = [NobleRsaPrivateKey.prototype, NodeRsaPrivateKey.prototype]
    const spies = prototypes.flatMap(prototype => [
      vi.spyOn(prototype, 'sign'),
      vi.spyOn(prototype, 'decryptRaw'),
    ])
    onTestFinished(() => {
      for (const spy of spies) spy.mockRestore()
    })
    const operationsHere = () => spies.reduce((sum, { mock }) => sum + mock.calls.length, 0)
    for (const [keyWorkersOption, expected] of [
      [2, 0],
      [undefined, 8],
    ] as const) {
      const { port } = await startServer(socket => socket.end(), { provider, keyWorkers: keyWorkersOption })
      for (const spy of spies) spy.mockClear()
      const ciphers = Array.from({ length: 8 }, (_, i) =>
        i % 2 ? 'ECDHE-RSA-AES128-GCM-SHA256' : 'AES128-SHA',
      )
      await Promise.all(ciphers.map(name => once(open(port, { ciphers: name }), 'secureConnect')))
      expect(operationsHere()).toBe(expected)
    }
  })
})

describe('a worker', () => {
  const odd = { entry: new URL('../support/odd-key-worker.mjs', import.meta.url) }
  const oddKey = (workers: ReturnType<typeof keyWorkers>) => {
    const key = workers.fromKeyObject(rsa.privateKey)
    return async (command: string) =>
      Buffer.from(await key.sign('rsa_pkcs1_sha256', Buffer.from(command))).toString()
  }

  test('is given a key once, not at every call', async () => {
    const ask = oddKey(startWorkers(1, odd))
    for (let i = 0; i < 5; i++) expect(await ask('')).toBe('delivered 1')
  })

  test('that dies fails the operation that it was about and no other, and is replaced', async () => {
    const workers = startWorkers(1, odd)
    const ask = oddKey(workers)
    expect(await ask('')).toBe('delivered 1')
    const outcomes = await Promise.allSettled(['', 'exit', '', ''].map(ask))
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
    const { reason } = outcomes[1] as PromiseRejectedResult
    expect(reason).toBeInstanceOf(TlsError)
    expect(reason).toMatchObject({
      code: 'INTERNAL_ERROR',
      message: expect.stringContaining('key workers: '),
    })
    const key = workers.fromKeyObject(rsa.privateKey)
    expect(await key.decryptRaw?.(Buffer.from('exit'))).toBeUndefined()
    // At most twice: two operations may have found the new worker without the key before it was there.
    expect(await ask('')).toMatch(/^delivered [12]$/)
  })

  test('that throws fails the operation, and lives on', async () => {
    const ask = oddKey(startWorkers(1, odd))
    expect(await ask('')).toBe('delivered 1')
    await expect(ask('throw')).rejects.toMatchObject({
      code: 'INTERNAL_ERROR',
      message: 'key workers: no such luck',
    })
    expect(await ask('')).toBe('delivered 1')
  })

  test('that cannot start fails what waits for it, at any time', async () => {
    const ask = oddKey(startWorkers(2, { entry: new URL('../support/none.mjs', import.meta.url) }))
    for (let i = 0; i < 3; i++) {
      const outcomes = await Promise.allSettled(['', '', '', ''].map(ask))
      expect(outcomes.map(({ status }) => status)).toEqual(Array(4).fill('rejected'))
    }
  })

  test('has so many operations waiting, and one more fails at once', async () => {
    const workers = startWorkers(1, { ...odd, maxWaiting: 2 })
    const ask = oddKey(workers)
    await ask('')
    const begun = ['slow', 'slow', 'slow'].map(ask)
    expect(workers.waiting).toBe(2)
    await expect(ask('')).rejects.toThrow(
      'key workers: 2 operations wait for 1 workers already, and no more may',
    )
    await Promise.all(begun)
    expect(workers.waiting).toBe(0)
    expect(await ask('')).toBe('delivered 1')
  })

  test('ends when the workers are closed, and what was begun before', async () => {
    const workers = keyWorkers(1, odd)
    const ask = oddKey(workers)
    await ask('')
    const begun = ask('slow')
    await workers.close()
    expect(await begun).toBe('delivered 1')
    await expect(ask('')).rejects.toThrow('key workers: the workers were closed')
    await workers.close()
  })

  test('keeps no process alive', () => {
    const script = `
      import { generateKeyPairSync } from 'node:crypto'
      import { keyWorkers } from 'ringtls/node'
      const { privateKey } = generateKeyPairSync('ed25519')
      const signature = await keyWorkers(2).fromKeyObject(privateKey).sign('ed25519', Buffer.of(1))
      console.log(signature.length)`
    const options = { cwd: new URL('../..', import.meta.url), timeout: 30_000, encoding: 'utf8' } as const
    const { status, stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], options)
    expect({ status, stdout }).toEqual({ status: 0, stdout: '64\n' })
  }, 40_000)
})

describe('a server whose worker dies', () => {
  const entry = new URL('../support/dead-key-worker.mjs', import.meta.url)
  const rsaKey = { cert: fixture('server.pem'), key: fixture('server.key') }

  test('at a signature: internal_error', async () => {
    const { server, port } = await startServer(undefined, {
      ...rsaKey,
      keyWorkers: startWorkers(1, { entry }),
    })
    const failed = once(server, 'tlsClientError')
    const seen = await ending(open(port, { ciphers: 'ECDHE-RSA-AES128-GCM-SHA256' }))
    expect(seen[0]).toMatch(/INTERNAL_ERROR/)
    expect((await failed)[0].cause).toMatchObject({ code: 'INTERNAL_ERROR' })
  })

  test('at a decryption: what a bad padding gets', async () => {
    const { port } = await startServer(undefined, { ...rsaKey, keyWorkers: startWorkers(1, { entry }) })
    const seen = await ending(open(port, { ciphers: 'AES128-SHA' }))
    expect(seen[0]).toMatch(/BAD_RECORD_MAC/)
  })
})

test('a number of workers that is none is ApiMisuse', () => {
  for (const count of [0, -1, 1.5, Number.NaN])
    expect(() => keyWorkers(count)).toThrow(
      expect.objectContaining({ name: 'ApiMisuse', code: 'ERR_OUT_OF_RANGE' }),
    )
})

test('the same number in two contexts is one pool', () => {
  expect(sharedKeyWorkers(3, 'noble')).toBe(sharedKeyWorkers(3, 'noble'))
  expect(sharedKeyWorkers(3, 'noble')).not.toBe(sharedKeyWorkers(3, 'node'))
})

function componentsOf(key: crypto.KeyObject): PrivateKeyComponents {
  return key.asymmetricKeyType?.startsWith('rsa') ? rsaComponentsOf(key) : curveComponentsOf(key)
}
