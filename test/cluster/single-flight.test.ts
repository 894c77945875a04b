import { expect, test } from 'vitest'
import { SingleFlight } from '../../src/cluster/single-flight.ts'
import { noSignal } from './support.ts'

/** A piece of work that ends when it is told to, and knows how often it was begun. */
function held() {
  const runs: { end: AbortSignal; land: (answer: string) => void; fail: (error: Error) => void }[] = []
  const work = (end: AbortSignal) =>
    new Promise<string>((land, fail) => {
      runs.push({ end, land, fail })
    })
  return { runs, work }
}

test('whoever asks meanwhile gets the same answer, and whoever asks later asks anew', async () => {
  const { runs, work } = held()
  const flights = new SingleFlight<string>()
  const asked = Array.from({ length: 50 }, () => flights.run('a', noSignal, work))
  const other = flights.run('b', noSignal, work)
  expect(runs.length).toBe(2)
  runs[0]!.land('first')
  expect(new Set(await Promise.all(asked))).toEqual(new Set(['first']))
  const again = flights.run('a', noSignal, work)
  expect(runs.length).toBe(3)
  runs[2]!.land('second')
  runs[1]!.land('other')
  expect(await Promise.all([again, other])).toEqual(['second', 'other'])
})

test('a failure is everybody’s', async () => {
  const { runs, work } = held()
  const flights = new SingleFlight<string>()
  const asked = [flights.run('a', noSignal, work), flights.run('a', noSignal, work)]
  runs[0]!.fail(new Error('broken'))
  for (const one of asked) await expect(one).rejects.toThrow('broken')
  await expect(
    flights.run('a', noSignal, () => {
      throw new Error('thrown')
    }),
  ).rejects.toThrow('thrown')
})

test('who gives up leaves the others waiting; when the last one has, the work is ended and forgotten', async () => {
  const { runs, work } = held()
  const flights = new SingleFlight<string>()
  const [one, two] = [new AbortController(), new AbortController()]
  const asked = [flights.run('a', one.signal, work), flights.run('a', two.signal, work)]
  one.abort()
  await expect(asked[0]).rejects.toMatchObject({ reason: 'timeout' })
  expect(runs[0]!.end.aborted).toBe(false)
  two.abort()
  await expect(asked[1]).rejects.toMatchObject({ reason: 'timeout' })
  expect(runs[0]!.end.aborted).toBe(true)
  // The first run never answers: who comes now must not wait for it.
  const later = flights.run('a', noSignal, work)
  expect(runs.length).toBe(2)
  runs[1]!.land('later')
  expect(await later).toBe('later')
})

test('a caller who had given up before begins nothing', async () => {
  const { runs, work } = held()
  const flights = new SingleFlight<string>()
  await expect(flights.run('a', AbortSignal.abort(), work)).rejects.toMatchObject({ reason: 'timeout' })
  expect(runs.length).toBe(0)
})
