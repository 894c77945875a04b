import { inspect } from 'node:util'
import { afterEach, expect, test } from 'vitest'
import { joinCluster } from '../../src/cluster/cluster-member.ts'
import { membershipOf } from '../../src/cluster/membership.ts'
import {
  derivedKey,
  masterSecret,
  noSignal,
  Openings,
  openCluster,
  openTcp,
  provider,
  randomOf,
  rawKey,
  seededRandom,
  startMs,
  testSession,
} from './support.ts'

const openings = new Openings()
afterEach(() => openings.release())

/** Hidden properties too, as deep as it goes; getters are left alone. */
const shown = (value: unknown) =>
  inspect(value, { depth: 20, showHidden: true, maxArrayLength: null, maxStringLength: null })

/** The spellings in which bytes get into a log. Half of a secret is as bad as all of it. */
function spellings(secret: Uint8Array): string[] {
  const half = Buffer.from(secret.subarray(0, Math.ceil(secret.length / 2)))
  const list = [...half]
  return [
    half.toString('hex'),
    half.toString('hex').toUpperCase(),
    list.map(byte => byte.toString(16).padStart(2, '0')).join(' '),
    half.subarray(0, half.length - (half.length % 3)).toString('base64'),
    half.subarray(0, half.length - (half.length % 3)).toString('base64url'),
    half.toString('latin1'),
    list.join(','),
    list.join(', '),
  ]
}

const secrets: readonly [string, Uint8Array][] = [
  ['cluster key', rawKey(1)],
  ...['id', 'lookup', 'seal', 'request', 'ticket'].map((label): [string, Uint8Array] => [
    `${label} key`,
    derivedKey(1, label),
  ]),
  ['master secret', masterSecret],
]

test('nothing of the cluster shows a secret when it is printed', async () => {
  const { nodes, keys, info, server } = await openCluster(openings, 3)
  const { cache, store } = server('n0')
  const id = cache.drawId(seededRandom('id'))
  const session = testSession()
  cache.save(id, session)
  const underWay = shown(cache)
  await cache.flush(2000)
  const lookup = await cache.load(id, noSignal)
  const member = joinCluster({ info, keys, provider, random: randomOf(), now: () => startMs })
  openings.add(() => member.close(0))
  const printed = [
    underWay,
    ...[
      cache,
      store,
      keys,
      keys.current(startMs),
      nodes,
      member,
      lookup,
      session,
      membershipOf(info, provider),
    ].map(shown),
  ]
  const json = [cache, store, keys, nodes, session].map(value => JSON.stringify(value))
  const all = [...printed, ...json].join('\n').replace(/\s+/g, ' ')
  expect(lookup).toHaveProperty('session')
  for (const [name, secret] of [...secrets, ['session ID', id] as const]) {
    for (const spelling of spellings(secret))
      expect(all.includes(spelling), `${name} as ${spelling.slice(0, 12)}`).toBe(false)
  }
  // The search would find what is there: the client random is no secret, and is printed as a list.
  expect(all).toContain(spellings(session.clientRandom)[7])
})

test('nor does an error of the store', async () => {
  const url = await openTcp(openings, socket => socket.once('data', () => socket.end('nonsense')))
  const { keys, info } = await openCluster(openings, 1)
  const member = joinCluster({
    info: { ...info, nodes: [{ ...info.nodes[0]!, url }] },
    keys,
    provider,
    random: randomOf(),
    now: () => startMs,
  })
  openings.add(() => member.close(0))
  const key = new Uint8Array(32).fill(0x77)
  const errors: unknown[] = []
  const sealed = new Uint8Array(100).fill(0x66)
  for (const work of [
    member.store.get(key, noSignal),
    member.store.put(key, sealed, 5),
    member.store.delete(key),
  ]) {
    await work.catch(error => errors.push(error))
  }
  expect(errors.length).toBe(3)
  const all = errors.map(shown).join('\n')
  for (const [, secret] of [...secrets, ['storage key', key] as const, ['record', sealed] as const]) {
    for (const spelling of spellings(secret)) expect(all).not.toContain(spelling)
  }
  expect(all).not.toContain('mac=')
})
