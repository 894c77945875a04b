/**
 * The oracle of the openssl program: its own TLS1-PRF (`openssl kdf`), `openssl mac` and `openssl enc`.
 * `openssl enc` does no GCM, so that it has no vote there.
 */
import { spawn, spawnSync } from 'node:child_process'
import { availableParallelism } from 'node:os'
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

/** Answers every question it has a vote on, `undefined` for the others; as many at a time as there are cores. */
async function answer(questions) {
  const answers = new Array(questions.length)
  let next = 0
  const work = async () => {
    while (next < questions.length) {
      const i = next++
      const { kind, input } = questions[i]
      if (suites[input.suite]?.mode === 'gcm' && kind.startsWith('record')) continue
      answers[i] = await evaluate[kind](primitives, input)
    }
  }
  await Promise.all(Array.from({ length: availableParallelism() }, work))
  return answers
}
