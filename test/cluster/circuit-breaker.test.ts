import { describe, expect, test } from 'vitest'
import { CircuitBreaker } from '../../src/cluster/circuit-breaker.ts'
import { NodeGuard } from '../../src/cluster/node-guard.ts'
import { StoreFailure } from '../../src/cluster/session-store.ts'
import { Clock } from './support.ts'

function opened() {
  const clock = new Clock()
  const changes: string[] = []
  const breaker = new CircuitBreaker({ now: clock.now, onChange: state => changes.push(state) })
  for (let i = 0; i < 3; i++) {
    expect(breaker.admit()).toBe(true)
    breaker.failed()
  }
  return { clock, breaker, changes }
}

describe('a breaker', () => {
  test('opens at the third failure in a row, and a success in between starts anew', () => {
    const breaker = new CircuitBreaker({ now: new Clock().now })
    for (const outcome of ['failed', 'failed', 'succeeded', 'failed', 'failed'] as const) breaker[outcome]()
    expect(breaker.state).toBe('closed')
    breaker.failed()
    expect(breaker.state).toBe('open')
    expect(breaker.isPassable).toBe(false)
    expect(breaker.admit()).toBe(false)
  })

  test('lets one request through after a second, and no other while that is under way', () => {
    const { clock, breaker } = opened()
    clock.nowMs += 999
    expect(breaker.admit()).toBe(false)
    clock.nowMs += 1
    expect(breaker.isPassable).toBe(true)
    expect(breaker.admit()).toBe(true)
    expect(breaker.state).toBe('half_open')
    expect(breaker.isPassable).toBe(false)
    expect(breaker.admit()).toBe(false)
  })

  test('closes when that one is answered, and opens for another second when it is not', () => {
    const { clock, breaker, changes } = opened()
    clock.nowMs += 1000
    breaker.admit()
    breaker.failed()
    clock.nowMs += 999
    expect(breaker.admit()).toBe(false)
    clock.nowMs += 1
    expect(breaker.admit()).toBe(true)
    breaker.succeeded()
    expect(breaker.admit() && breaker.admit()).toBe(true)
    expect(changes).toEqual(['open', 'half_open', 'open', 'half_open', 'closed'])
  })

  test('is not kept open by a clock that was set back', () => {
    const { clock, breaker } = opened()
    clock.nowMs -= 3_600_000
    expect(breaker.admit()).toBe(true)
  })
})

describe('a guard', () => {
  const guardOf = (maxInFlight = 256) => new NodeGuard({ name: 'node a', now: new Clock().now, maxInFlight })
  const fail = (reason: 'timeout' | 'conflict' | 'gone' | 'error') => () =>
    Promise.reject(new StoreFailure(reason, 'x'))
  const reasonOf = (work: Promise<unknown>) => work.then(String, error => (error as StoreFailure).reason)

  test('does not run what its breaker holds back', async () => {
    const guard = guardOf()
    for (let i = 0; i < 3; i++) expect(await reasonOf(guard.run(fail('timeout')))).toBe('timeout')
    let ran = false
    const work = async () => {
      ran = true
    }
    expect(await reasonOf(guard.run(work))).toBe('breaker')
    expect([ran, guard.isAvailable, guard.state]).toEqual([false, false, 'open'])
  })

  test('what insists is run all the same, and closes the breaker when it is answered', async () => {
    const guard = guardOf()
    for (let i = 0; i < 3; i++) await reasonOf(guard.run(fail('timeout')))
    expect(await reasonOf(guard.run(fail('timeout'), { insists: true }))).toBe('timeout')
    expect(await guard.run(async () => 'ran', { insists: true })).toBe('ran')
    expect(guard.state).toBe('closed')
  })

  test('a conflict and a deletion are answers of a node that works', async () => {
    const guard = guardOf()
    for (let i = 0; i < 10; i++) await reasonOf(guard.run(fail(i % 2 ? 'conflict' : 'gone')))
    expect(guard.state).toBe('closed')
    for (const reason of ['error', 'error', 'gone', 'error', 'error'] as const)
      await reasonOf(guard.run(fail(reason)))
    expect(guard.state).toBe('closed')
  })

  test('makes no more requests at a time than it is told, and goes on when one has ended', async () => {
    const guard = guardOf(2)
    const releases: (() => void)[] = []
    const hold = () => new Promise<void>(resolve => releases.push(resolve))
    const [first, second] = [guard.run(hold), guard.run(hold)]
    expect(guard.isAvailable).toBe(false)
    expect(await reasonOf(guard.run(hold))).toBe('breaker')
    releases[0]!()
    await first
    expect(guard.isAvailable).toBe(true)
    expect(await guard.run(async () => 'ran')).toBe('ran')
    releases[1]!()
    await second
    expect(guard.state).toBe('closed')
  })
})
