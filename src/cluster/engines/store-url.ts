import { ApiMisuse } from '../../errors.ts'

/** One server of an engine. */
export interface EngineServer {
  readonly host: string
  readonly port: number
}

/** How to show oneself to the servers. Not in any message: `util.inspect` shows a password as it is. */
export interface EngineLogin {
  readonly username?: string
  readonly password?: string
}

/** Where a store is, as a URL says it. */
export type StoreAddress = { readonly kind: 'http' } | RedisAddress | MemcachedAddress

/** The servers of a memcached, which knows nobody by name: it belongs behind a firewall. */
export interface MemcachedAddress {
  readonly kind: 'memcached'
  readonly servers: readonly EngineServer[]
}

/** A Redis, or a Valkey: one server, a cluster, or what sentinels watch. */
export interface RedisAddress {
  readonly kind: 'redis' | 'redis+cluster' | 'redis+sentinel'
  /** `rediss`: over TLS. */
  readonly tls: boolean
  /** Of `redis+sentinel` the sentinels. */
  readonly servers: readonly EngineServer[]
  readonly login: EngineLogin
  /** The number of a database; a cluster has 0 alone. */
  readonly database: number
  /** Of `redis+sentinel`: what the sentinels call the master. */
  readonly master?: string
}

const forms =
  'http, redis://[user:pass@]host[:port][/db], redis+cluster://host:port,..., ' +
  'redis+sentinel://host:port,.../master-name, memcached://host[:port],...'

/** All before the last @ is a login, whatever is in it: none of it may get into a message. */
const pattern = /^(redis|memcached)(s?)(\+cluster|\+sentinel)?:\/\/(?:(.*)@)?([^@/]*)(?:\/([^@]*))?$/

const defaultPorts = { redis: 6379, 'redis+cluster': 6379, 'redis+sentinel': 26_379, memcached: 11_211 }

/** Reads the URL of a store. Throws ApiMisuse, in whose message no user and no password stands. */
export function parseStoreUrl(text: string): StoreAddress {
  if (text === 'http') return { kind: 'http' }
  const [, engine, tls, variant = '', login, hosts, path = ''] = pattern.exec(text) ?? []
  if (engine === undefined || (engine === 'memcached' && (tls !== '' || variant !== '')))
    throw new ApiMisuse(`a store's URL: have ${schemeOf(text)}, need one of ${forms}`)
  const kind = `${engine}${variant}` as keyof typeof defaultPorts
  const servers = readServers(kind, hosts!)
  const shown = `${kind}://${hosts}`
  if (kind === 'memcached') {
    if (path !== '' || login !== undefined)
      throw new ApiMisuse(`${shown}: need the servers alone; memcached has no login here, and no databases`)
    return { kind, servers }
  }
  if (kind === 'redis' && servers.length > 1)
    throw new ApiMisuse(
      `${shown}: need one server, have ${servers.length}; several are redis+cluster:// or redis+sentinel://`,
    )
  return {
    ...{ kind, tls: tls === 's', servers, login: readLogin(shown, login) },
    ...readPath(kind, shown, path),
  }
}

/** `host:port` with the brackets that IPv6 needs. */
export function serverText({ host, port }: EngineServer): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

function readServers(kind: keyof typeof defaultPorts, hosts: string): readonly EngineServer[] {
  return hosts.split(',').map(text => {
    const [, ipv6, name, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([\w.-]+))(?::(\d{1,5}))?$/.exec(text) ?? []
    const port = digits === undefined ? defaultPorts[kind] : Number(digits)
    const host = ipv6 ?? name
    if (host === undefined || port < 1 || port > 65_535)
      throw new ApiMisuse(
        `${kind}://${hosts}: have "${text}", need HOST:PORT with a port of 1 to 65535, or [::1]:PORT; several are joined by commas`,
      )
    return { host, port }
  })
}

function readLogin(shown: string, login: string | undefined): EngineLogin {
  if (login === undefined) return {}
  const colon = login.indexOf(':')
  try {
    const username = decodeURIComponent(colon < 0 ? login : login.slice(0, colon))
    const password = colon < 0 ? '' : decodeURIComponent(login.slice(colon + 1))
    if (password === '') throw new ApiMisuse(`${shown}: need user:password or :password before the @`)
    return { ...(username === '' ? {} : { username }), password }
  } catch (error) {
    if (error instanceof ApiMisuse) throw error
    throw new ApiMisuse(`${shown}: user or password has a % that no two hexadecimal digits follow`)
  }
}

function readPath(kind: RedisAddress['kind'], shown: string, path: string) {
  const [master = '', ...rest] =
    kind === 'redis+sentinel' ? path.split('/') : ['', ...(path === '' ? [] : [path])]
  if (kind === 'redis+sentinel' && !/^[\w.-]+$/.test(master))
    throw new ApiMisuse(`${shown}: need the master's name after the sentinels, such as /mymaster`)
  const [database = '0', ...more] = rest
  if (more.length > 0 || !/^\d{1,5}$/.test(database) || (kind === 'redis+cluster' && database !== '0'))
    throw new ApiMisuse(
      `${shown}/${path}: need the number of a database after the server${kind === 'redis+cluster' ? ', and a cluster has 0 alone' : ''}`,
    )
  return { database: Number(database), ...(kind === 'redis+sentinel' ? { master } : {}) }
}

/** The beginning of what came, up to where a user and a password might stand. */
function schemeOf(text: string): string {
  const [scheme] = /^[\w+.-]{0,20}(?=:)/.exec(text) ?? []
  return scheme === undefined ? 'something without a scheme' : `${scheme}:`
}
