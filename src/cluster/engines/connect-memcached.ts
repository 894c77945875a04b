import type { CryptoProvider } from '../../crypto/provider.ts'
import { fromBase64url } from '../base64url.ts'
import { rendezvous } from '../placement/index.ts'
import { withinBudget } from '../time-budget.ts'
import { isRefusal } from './engine-failure.ts'
import { loadClient } from './load-client.ts'
import { fromMemjs, type MemjsClient } from './memjs.ts'
import { keyPrefix, type SessionEngine } from './session-engine.ts'
import { type EngineServer, type MemcachedAddress, serverText } from './store-url.ts'

export interface ConnectMemcachedOptions {
  readonly provider: CryptoProvider
  /** ms since 1970. */
  readonly now: () => number
}

type Memjs = typeof import('memjs')
/** `TIn` and `TOut` of a client whose values are bytes, as they come. */
type Client = InstanceType<typeof import('memjs').Client<Buffer, Buffer | null>>

/** A server that has not answered for so long is taken for gone, with all that it was asked. */
const silenceMs = 1000

/**
 * Makes the clients for the servers of memcached, one each, which connect when they are first asked. Which server
 * has a key is decided as among session nodes: when one is added, no more keys move than must. Throws ApiMisuse when
 * memjs is missing.
 */
export async function connectMemcached(
  { servers }: MemcachedAddress,
  { provider, now }: ConnectMemcachedOptions,
): Promise<SessionEngine> {
  const { default: memjs } = await loadClient('memjs', () => import('memjs'))
  const engines = servers.map(server => {
    const client = new FreshClient(() => clientOf(memjs, server))
    return fromMemjs(client, { now, name: `memcached ${serverText(server)}` })
  })
  const nodes = servers.map(server => ({ id: serverText(server), weight: 1 }))
  const place = rendezvous(nodes, 1, bytes => provider.hash('sha256').update(bytes).digest())
  const engineOf = (key: string) => engines[place(fromBase64url(key.slice(keyPrefix.length)))[0]!]!
  return {
    name: `memcached ${servers.map(serverText).join(',')}`,
    get: key => engineOf(key).get(key),
    add: (key, value, ms) => engineOf(key).add(key, value, ms),
    replace: (key, value) => engineOf(key).replace(key, value),
    serverOf: key => engineOf(key).name,
    connect: async () => void (await Promise.all(engines.map(engine => engine.get(keyPrefix)))),
    close: async () => void (await Promise.all(engines.map(engine => engine.close?.()))),
  }
}

function clientOf(memjs: Memjs, { host, port }: EngineServer): Client {
  // Its own time-outs leave sockets half closed behind: they come after ours.
  const options = { timeout: 60, conntimeout: 60, retries: 1, logger: { log: () => {} }, keepAlive: true }
  const server = new memjs.Server(host, port, '', '', options)
  return new memjs.Client<Buffer, Buffer | null>([server], options)
}

/**
 * A client of one server that is thrown away once it failed. After a failure memjs goes on with the half of a reply
 * that came before, with time-outs of requests that are over, and with a new connection that the end of the old one
 * takes from it.
 */
class FreshClient implements MemjsClient {
  readonly #make: () => Client
  #client: Client | undefined
  #isClosed = false

  constructor(make: () => Client) {
    this.#make = make
  }

  get(key: string) {
    return this.#run(client => client.get(key))
  }

  add(key: string, value: Buffer, options: { readonly expires: number }) {
    return this.#run(client => client.add(key, value, options))
  }

  replace(key: string, value: Buffer, options: { readonly expires: number }) {
    return this.#run(client => client.replace(key, value, options))
  }

  close(): void {
    this.#isClosed = true
    if (this.#client !== undefined) this.#drop(this.#client, new Error('closed'))
  }

  async #run<T>(work: (client: Client) => Promise<T>): Promise<T> {
    if (this.#isClosed) throw new Error('closed')
    this.#client ??= this.#make()
    const client = this.#client
    try {
      return await withinBudget(silenceMs, () => work(client))
    } catch (error) {
      if (!isRefusal(error)) this.#drop(client, error)
      throw error
    }
  }

  /** Ends its connections at once: what else it was asked rejects too. */
  #drop(client: Client, reason: unknown): void {
    if (this.#client === client) this.#client = undefined
    for (const server of client.servers) server.error(reason as Error)
  }
}
