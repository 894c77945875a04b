import { describe, expect, test } from 'vitest'
import { parseStoreUrl } from '../../../src/cluster/engines/store-url.ts'
import { ApiMisuse } from '../../../src/errors.ts'

const redis = { tls: false, login: {}, database: 0 }

describe('the URL of a store', () => {
  test.each<[string, object]>([
    ['http', { kind: 'http' }],
    ['redis://h', { ...redis, kind: 'redis', servers: [{ host: 'h', port: 6379 }] }],
    [
      'redis://[::1]:7000/3',
      { ...redis, kind: 'redis', servers: [{ host: '::1', port: 7000 }], database: 3 },
    ],
    [
      'rediss://me:p%40ss@cache.example:6380',
      {
        ...redis,
        ...{ kind: 'redis', tls: true, login: { username: 'me', password: 'p@ss' } },
        servers: [{ host: 'cache.example', port: 6380 }],
      },
    ],
    [
      'redis://:a/b@c@h',
      { ...redis, kind: 'redis', login: { password: 'a/b@c' }, servers: [{ host: 'h', port: 6379 }] },
    ],
    [
      'redis+cluster://a:1,b:2,[::1]:3',
      {
        ...redis,
        kind: 'redis+cluster',
        servers: [
          { host: 'a', port: 1 },
          { host: 'b', port: 2 },
          { host: '::1', port: 3 },
        ],
      },
    ],
    [
      'rediss+sentinel://:secret@a,b:2/my-master/1',
      {
        ...{
          kind: 'redis+sentinel',
          tls: true,
          login: { password: 'secret' },
          database: 1,
          master: 'my-master',
        },
        servers: [
          { host: 'a', port: 26_379 },
          { host: 'b', port: 2 },
        ],
      },
    ],
    [
      'memcached://a,b:11212',
      {
        kind: 'memcached',
        servers: [
          { host: 'a', port: 11_211 },
          { host: 'b', port: 11_212 },
        ],
      },
    ],
  ])('%s', (text, address) => {
    expect(parseStoreUrl(text)).toEqual(address)
  })

  test.each<[string, RegExp]>([
    ['', /have something without a scheme, need one of http, redis/],
    ['postgres://me:hunter2@h', /have postgres:, need one of/],
    ['memcacheds://h', /have memcacheds:, need one of/],
    ['memcached+cluster://h', /have memcached\+cluster:, need one of/],
    ['redis://', /redis:\/\/: have "", need HOST:PORT/],
    ['redis://h:0', /have "h:0", need HOST:PORT with a port of 1 to 65535/],
    ['redis://h:65536', /have "h:65536"/],
    ['redis://a,b', /need one server, have 2; several are redis\+cluster/],
    ['redis://h/x', /need the number of a database/],
    ['redis://h/1/2', /need the number of a database/],
    ['redis+cluster://h/1', /a cluster has 0 alone/],
    ['redis+sentinel://h', /need the master's name after the sentinels, such as \/mymaster/],
    ['redis+sentinel://h/m/x', /need the number of a database/],
    ['memcached://h/1', /need the servers alone/],
    ['redis://me@h', /need user:password or :password before the @/],
    ['redis://:hunter2%@h', /has a % that no two hexadecimal digits follow/],
    ['redis://me:hunter2@', /redis:\/\/: have "", need/],
    ['redis://me:hunter2@a b', /have "a b", need/],
    ['redis://me:hunter2/x@h:x', /have "h:x", need/],
    ['memcached://me:hunter2@h', /memcached has no login here/],
    ['me:hunter2@h', /have me:, need one of/],
    ['hunter2', /have something without a scheme/],
  ])('%s is refused, and what stands before the @ is not said again', (text, message) => {
    const parse = () => parseStoreUrl(text)
    expect(parse).toThrow(ApiMisuse)
    expect(parse).toThrow(message)
    expect(parse).not.toThrow(/hunter2/)
  })
})
