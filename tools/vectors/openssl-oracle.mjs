/**
 * The oracle of the openssl program: its own TLS1-PRF (`openssl kdf`), `openssl mac` and `openssl enc`.
 * `openssl enc` does no AEAD. ChaCha20-Poly1305 is put together here from its ChaCha20 and its Poly1305 as RFC 8439 §2.8
 * says; GCM has nothing it could be put together from, so that this oracle has no vote there.
 */
import { spawn, spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { expand } from './bytes.mjs'
import { evaluate, suites } from './tls.mjs'

/** @type {import('./tls.mjs').Primitives} */
const primitives = {
  async prf(hash, secret, label, seed, length) {
    const labelled = Buffer.concat([Buffer.from(label, 'latin1'), seed]).toString('hex')
    const options = [`digest:${hash}`, `hexsecret:${secret.toString('hex')}`, `hexseed:${labelled}`]
    const printed = await openssl(['kdf', '-keylen', `${length}`, ...options.flatMap(o => ['-kdfopt', o]), 'TLS1-PRF'])
    return Buffer.from(printed.toString('latin1').replace(/[^0-9A-Fa-f]/g, ''), 'hex')
  },
  async hmac(hash, key, data) {
    const printed = await openssl(['mac', '-digest', hash, '-macopt', `hexkey:${key.toString('hex')}`, 'HMAC'], data)
    return Buffer.from(printed.toString('latin1').trim(), 'hex')
  },
  cbcEncrypt: (key, iv, blocks) => cbc('-e', key, iv, blocks),
  cbcDecrypt: (key, iv, blocks) => cbc('-d', key, iv, blocks),
  async aeadSeal({ bytes }, nonce, aad, plaintext) {
    const ciphertext = await chacha20(bytes, nonce, 1, plaintext)
    return Buffer.concat([ciphertext, await poly1305Tag(bytes, nonce, aad, ciphertext)])
  },
  async aeadOpen({ bytes }, nonce, aad, sealed) {
    const ciphertext = sealed.subarray(0, sealed.length - 16)
    const tag = await poly1305Tag(bytes, nonce, aad, ciphertext)
    return tag.equals(sealed.subarray(ciphertext.length)) ? chacha20(bytes, nonce, 1, ciphertext) : undefined
  },
}

/** RFC 8439 §2.4; the program takes the counter, little-endian, in front of the nonce. */
function chacha20(key, nonce, counter, data) {
  const iv = Buffer.concat([Buffer.from([counter, 0, 0, 0]), nonce])
  return openssl(['enc', '-chacha20', '-K', key.toString('hex'), '-iv', iv.toString('hex')], data)
}

/** RFC 8439 §2.6 and §2.8. */
async function poly1305Tag(key, nonce, aad, ciphertext) {
  const oneTimeKey = await chacha20(key, nonce, 0, Buffer.alloc(32))
  const padded = bytes => Buffer.concat([bytes, Buffer.alloc((16 - (bytes.length % 16)) % 16)])
  const lengths = Buffer.alloc(16)
  lengths.writeBigUInt64LE(BigInt(aad.length))
  lengths.writeBigUInt64LE(BigInt(ciphertext.length), 8)
  const options = ['-macopt', `hexkey:${oneTimeKey.toString('hex')}`, 'Poly1305']
  const printed = await openssl(['mac', ...options], Buffer.concat([padded(aad), padded(ciphertext), lengths]))
  return Buffer.from(printed.toString('latin1').trim(), 'hex')
}

async function cbc(direction, key, iv, blocks) {
  const cipher = `-aes-${key.length * 8}-cbc`
  return openssl(['enc', cipher, direction, '-nopad', '-K', key.toString('hex'), '-iv', iv.toString('hex')], blocks)
}

/** Runs the program with `input` on its standard input; its standard output. */
function openssl(args, input = Buffer.alloc(0)) {
  return new Promise((resolve, reject) => {
    const child = spawn('openssl', args)
    const out = []
    const err = []
    child.stdout.on('data', chunk => out.push(chunk))
    child.stderr.on('data', chunk => err.push(chunk))
    child.stdin.on('error', () => {}) // `openssl kdf` reads nothing and may be gone already.
    child.on('error', reject)
    child.on('close', code => {
      if (code === 0) resolve(Buffer.concat(out))
      else reject(new Error(`openssl ${args[0]} ended with ${code}: ${Buffer.concat(err)}`))
    })
    child.stdin.end(input)
  })
}

/** The oracle, or a sentence that says what is missing. */
export function findOpensslOracle() {
  const { error, stdout } = spawnSync('openssl', ['version'], { encoding: 'utf8' })
  const version = /^OpenSSL (\d+)\.(\d+)/.exec(stdout ?? '')
  if (error || !version || Number(version[1]) < 3) {
    return 'the program openssl, version 3.0 or later, is missing (it is found through PATH)'
  }
  return { name: `openssl-${version[1]}.${version[2]}`, answer }
}

/** The program does no GCM, and the TLS1-PRF of version 3.0 takes no seed of more than 1,024 bytes. */
function hasVote(kind, { suite, context }) {
  if (kind.startsWith('record')) return suites[suite].mode !== 'gcm'
  return kind !== 'exporter' || context === null || expand(context).length <= 900
}

/** Answers every question it has a vote on, `undefined` for the others; as many at a time as there are cores. */
async function answer(questions) {
  const answers = new Array(questions.length)
  let next = 0
  const work = async () => {
    while (next < questions.length) {
      const i = next++
      const { kind, input } = questions[i]
      if (!hasVote(kind, input)) continue
      answers[i] = await evaluate[kind](primitives, input)
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  return answers
}
