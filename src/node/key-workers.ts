/**
 * Private-key operations in worker threads. An RSA signature of providers/noble takes 4 ms of pure arithmetic; on the event loop every
 * other connection waits for it, in a worker only its own does.
 */
import type { KeyObject } from 'node:crypto'
import type { Piscina } from 'piscina'
import type { PrivateKey, PublicKey } from '../crypto/provider.ts'
import { canSign, type SignatureScheme } from '../crypto/signature-schemes.ts'
import { ApiMisuse, TlsError } from '../errors.ts'
import { privateKey as nobleKey } from '../providers/noble/index.ts'
import { privateKey as nodeKey, privateKeyOf as nodeKeyOf } from '../providers/node/index.ts'
import type { PrivateKeyComponents } from '../x509/private-key.ts'
import { apiMisuse } from './api-misuse.ts'
import { componentsOf, type KeyMaker } from './key-input.ts'
import type { KeyAnswer, KeyOperation, PlainKey } from './key-worker.ts'

export interface KeyWorkersOptions {
  /** Whose arithmetic the workers do: 'noble' by default. */
  readonly provider?: 'noble' | 'node' | undefined
  /** How many operations may wait for a worker, 1000 by default. One more fails at once, and its handshake with it. */
  readonly maxWaiting?: number | undefined
  /** The worker's module, for tests. */
  readonly entry?: URL | undefined
}

/** A pool of worker threads, and the private keys whose operations run there. */
export interface KeyWorkers extends KeyMaker {
  /** How many operations wait for a worker at the moment. */
  readonly waiting: number
  /** Lets those that were begun end, and the threads with them. What comes later fails. */
  close(): Promise<void>
}

/**
 * A pool of `count` threads, which begin with the first operation and keep no process alive. Keys are made by `fromComponents` and
 * `fromKeyObject`: `sign` and `decryptRaw` of them give promises. A worker that dies fails the operation that it was about, and another
 * takes its place. Throws ApiMisuse for a count that is none.
 */
export function keyWorkers(count: number, options: KeyWorkersOptions = {}): KeyWorkers {
  if (!Number.isInteger(count) || count < 1)
    throw apiMisuse('ERR_OUT_OF_RANGE', `keyWorkers: came ${count}, wanted how many threads: 1 or more`)
  return new WorkerPool(count, options)
}

const shared = new Map<string, KeyWorkers>()

/** The pool of a number that stands in an option. Contexts come and go, threads are of the process: the same number is the same pool. */
export function sharedKeyWorkers(count: number, provider: 'noble' | 'node'): KeyWorkers {
  const name = `${provider} ${count}`
  const workers = shared.get(name) ?? keyWorkers(count, { provider })
  shared.set(name, workers)
  return workers
}

class WorkerPool implements KeyWorkers {
  readonly #count: number
  readonly #options: KeyWorkersOptions
  #pool: Promise<Piscina> | undefined
  #isClosed = false
  /** How to fail each operation that was begun and has not ended. */
  readonly #open = new Set<(error: Error) => void>()
  #keys = 0

  constructor(count: number, options: KeyWorkersOptions) {
    this.#count = count
    this.#options = options
  }

  get waiting(): number {
    return Math.max(0, this.#open.size - this.#count)
  }

  fromComponents(components: PrivateKeyComponents): PrivateKey {
    const make = this.#options.provider === 'node' ? nodeKey : nobleKey
    return this.#keyOf(make(components), components)
  }

  /** To workers with OpenSSL the KeyObject goes as it is; for noble it is exported. */
  fromKeyObject(key: KeyObject): PrivateKey {
    if (this.#options.provider !== 'node') return this.fromComponents(componentsOf(key))
    return this.#keyOf(nodeKeyOf(key), key)
  }

  async close(): Promise<void> {
    this.#isClosed = true
    await (await this.#pool)?.close()
  }

  /** A key like `local`, which was made to see that it is one, and for its public half. */
  #keyOf({ publicKey, decryptRaw }: PrivateKey, key: PrivateKeyComponents | KeyObject): PrivateKey {
    const id = this.#keys++
    const operate: Operate = async (scheme, input) => {
      const answer = await this.#run({ id, scheme, input })
      if (answer !== 'unknown key') return answer.output
      // So the key goes to a worker once, also to one that has taken the place of another.
      const second = await this.#run({ id, scheme, input, key: isComponents(key) ? plainOf(key) : key })
      if (second === 'unknown key') throw new Error('a worker has not taken the key that it was given')
      return second.output
    }
    return decryptRaw ? new RsaWorkerKey(publicKey, operate) : new WorkerKey(publicKey, operate)
  }

  async #run(operation: KeyOperation): Promise<KeyAnswer> {
    const { maxWaiting = 1000 } = this.#options
    if (this.#isClosed) throw new Error('the workers were closed')
    if (this.waiting >= maxWaiting)
      throw new Error(`${maxWaiting} operations wait for ${this.#count} workers already, and no more may`)
    let fail: (error: Error) => void = () => {}
    const failed = new Promise<never>((_, reject) => {
      fail = reject
    })
    this.#open.add(fail)
    try {
      this.#pool ??= this.#start()
      return await Promise.race([failed, this.#pool.then(pool => pool.run(operation) as Promise<KeyAnswer>)])
    } finally {
      this.#open.delete(fail)
    }
  }

  /** Who has no key workers loads no pool. */
  async #start(): Promise<Piscina> {
    const { Piscina } = await import('piscina')
    const pool = new Piscina({
      filename: (this.#options.entry ?? new URL(builtWorker, import.meta.url)).href,
      name: 'operate',
      minThreads: this.#count,
      maxThreads: this.#count,
      workerData: { provider: this.#options.provider ?? 'noble' },
      recordTiming: false,
    })
    // Of a worker that had no operation. When it was the last, none of them can start, and who waits for one would wait for good.
    pool.on('error', error => {
      if (pool.threads.length === 0) for (const fail of this.#open) fail(error)
    })
    return pool
  }
}

/** A thread runs JavaScript: where this file is still TypeScript, as in our own tests, it runs what was built. */
const builtWorker = import.meta.url.endsWith('.ts') ? '../../dist/node/key-worker.js' : './key-worker.js'

type Operate = (scheme: SignatureScheme | undefined, input: Uint8Array) => Promise<Uint8Array | undefined>

/** A key whose secret half is elsewhere; printed, it shows the public one. */
class WorkerKey implements PrivateKey {
  readonly publicKey: PublicKey
  readonly #operate: Operate

  constructor(publicKey: PublicKey, operate: Operate) {
    this.publicKey = publicKey
    this.#operate = operate
  }

  async sign(scheme: SignatureScheme, message: Uint8Array): Promise<Uint8Array> {
    if (!canSign(this.publicKey, scheme))
      throw new ApiMisuse(`a key of type ${this.publicKey.type} makes no signature of scheme ${scheme}`)
    const signature = await this.operate(scheme, message)
    if (!signature) throw new TlsError('INTERNAL_ERROR', 'key workers: a signature came back empty')
    return signature
  }

  /** Rejects with TlsError INTERNAL_ERROR, whatever it was that failed. */
  protected async operate(
    scheme: SignatureScheme | undefined,
    input: Uint8Array,
  ): Promise<Uint8Array | undefined> {
    try {
      return await this.#operate(scheme, input)
    } catch (error) {
      const problem = error instanceof Error ? error.message : String(error)
      throw new TlsError('INTERNAL_ERROR', `key workers: ${problem}`, { cause: error })
    }
  }
}

class RsaWorkerKey extends WorkerKey {
  /** What fails on the way is, to the handshake, a bad padding like any other (RFC 5246 §7.4.7.1). */
  async decryptRaw(ciphertext: Uint8Array): Promise<Uint8Array | undefined> {
    return await this.operate(undefined, ciphertext).catch(() => undefined)
  }
}

function isComponents(key: PrivateKeyComponents | KeyObject): key is PrivateKeyComponents {
  return !('asymmetricKeyType' in key)
}

/** The numbers alone, out of the fields that hide them. */
function plainOf(components: PrivateKeyComponents): PlainKey {
  if (components.type === 'ec' || components.type === 'ed25519')
    return { ...components, privateKey: components.privateKey.reveal() }
  const { type, pssHash, modulus, publicExponent, privateExponent } = components
  const { prime1, prime2, exponent1, exponent2, coefficient } = components
  const numbers = {
    modulus,
    publicExponent,
    privateExponent,
    prime1,
    prime2,
    exponent1,
    exponent2,
    coefficient,
  }
  return { type, pssHash, ...numbers }
}
