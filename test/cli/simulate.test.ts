import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { doJob } from '../../src/cli/simulation/jobs.ts'
import { simulationTables } from '../../src/cli/simulation/tables.ts'
import { placementNames } from '../../src/cluster/cluster-info.ts'
import type { Balance } from '../../src/cluster/simulation/balance.ts'
import { clusterEvents, type PlacementFigures } from '../../src/cluster/simulation/placement-figures.ts'
import { jsonLines, run, temporaryDirectory } from '../support/processes.ts'

const small = ['simulate', '--nodes', '5', '--sessions', '2000']

describe('ringtls simulate', () => {
  it('prints a table for each thing it measured', async () => {
    const { exitCode, stdout, stderr } = await run(small)
    expect([exitCode, stderr]).toEqual([0, ''])
    expect(stdout).toMatch(/^5 nodes, 2,000 sessions, seed 1\n/)
    for (const title of [
      'Sessions by first owner',
      'One node joins',
      'One node leaves',
      'One node crashes',
      'Hops',
    ])
      expect(stdout).toContain(`\n\n${title}`)
    for (const name of ['table', 'chord', 'ring', 'kademlia', 'rendezvous'])
      expect(stdout.match(new RegExp(`^${name} `, 'gm'))?.length).toBe(4)
  })

  it('--json gives all figures in one object, the same for the same seed', async () => {
    const args = [
      ...small,
      '--placement',
      'ring',
      '--replicas',
      '3',
      '--events',
      'crash,join',
      '--seed',
      'x',
      '--json',
    ]
    const [first, again] = await Promise.all([run(args), run(args)])
    expect(again.stdout).toBe(first.stdout)
    const [simulated, ...more] = jsonLines(first.stdout)
    expect(more).toEqual([])
    const balance = {
      peakToMean: expect.any(Number),
      minToMean: expect.any(Number),
      coefficientOfVariation: expect.any(Number),
    }
    const resumed = { ownersOnly: expect.any(Number), withFormer: expect.any(Number) }
    const happened = { moved: expect.any(Number), oneCopy: resumed, allCopies: resumed }
    const hops = { mean: expect.any(Number), max: expect.any(Number) }
    expect(simulated).toEqual({
      event: 'simulated',
      nodes: 5,
      sessions: 2000,
      sampled: 2000,
      replicas: 3,
      draws: 2,
      events: ['crash', 'join'],
      seed: 'x',
      chance: balance,
      placements: [
        {
          placement: 'ring',
          balance,
          bestOfTwo: balance,
          events: [
            { event: 'crash', idealMoved: 1 / 5, ...happened },
            { event: 'join', idealMoved: 1 / 6, ...happened },
          ],
        },
      ],
      hops: [
        { nodes: 4, log2: 2, chord: hops, kademlia: hops },
        { nodes: 5, log2: Math.log2(5), chord: hops, kademlia: hops },
      ],
    })
  })

  it('says how many sessions it placed where it did not place all', async () => {
    const { stdout } = await run([
      'simulate',
      '--nodes',
      '65',
      '--sessions',
      '10000000',
      '--placement',
      'table',
    ])
    expect(stdout).toMatch(/^65 nodes, 10,000,000 sessions, 100,000 of them sampled, seed 1\n/)
  })

  it('draws well-formed SVG, with and without what can be left out', async () => {
    const directory = temporaryDirectory()
    const [full, bare] = [join(directory, 'full.svg'), join(directory, 'bare.svg')]
    await Promise.all([
      run([...small, '--seed', '<&>', '--svg', full]),
      run([...small, '--draws', '1', '--events', 'none', '--placement', 'chord', '--svg', bare]),
    ])
    for (const [file, panels] of [
      [full, 3],
      [bare, 2],
    ] as const) {
      const svg = readFileSync(file, 'utf8')
      expect(openTagsLeft(svg)).toEqual([])
      expect(svg).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" viewBox="/)
      expect(svg.match(/<g /g)?.length).toBe(panels)
      expect(svg).toContain('prefers-color-scheme: dark')
      expect(svg).not.toMatch(/NaN|undefined|Infinity/)
    }
    expect(readFileSync(full, 'utf8')).toContain('seed &#60;&#38;&#62;</title>')
  })

  const wrong: readonly (readonly [string, RegExp])[] = [
    ['--nodes 1', /Wanted a whole number from 2 to 10000/],
    ['--nodes 10001', /Wanted a whole number from 2 to 10000/],
    ['--sessions 10000001', /Wanted a whole number from 1 to 10000000/],
    ['--placement best', /Allowed choices are all, table, chord, ring, kademlia, rendezvous/],
    ['--replicas 0', /Wanted a whole number from 1 to 16/],
    ['--draws 3', /Allowed choices are 1, 2/],
    ['--events join,fire', /Wanted none, or some of join,leave,crash, each once/],
    ['--events join,join', /Wanted none, or some of join,leave,crash, each once/],
    ['--svg /nowhere/at/all.svg', /--svg \/nowhere\/at\/all\.svg: there is no such file or directory/],
  ]
  it.each(wrong)('%s is wrong usage', async (line, message) => {
    const { exitCode, stdout, stderr } = await run(['simulate', ...line.split(' ')])
    expect([exitCode, stdout]).toEqual([2, ''])
    expect(stderr).toMatch(message)
    expect(stderr.trimEnd()).not.toContain('\n')
    expect(existsSync('/nowhere')).toBe(false)
  })
})

it('docs/cluster.md shows the figures of `ringtls simulate --sessions 100000`', { timeout: 120_000 }, () => {
  const wish = { nodes: 16, sessions: 100_000, sampled: 100_000, replicas: 2, draws: 2 as const, seed: '1' }
  const events = clusterEvents
  const [placements, chance] = [
    placementNames.map(placement =>
      doJob({ kind: 'placement', plan: { ...wish, placement, events }, seed: wish.seed }, () => {}),
    ),
    doJob({ kind: 'chance', ...wish }, () => {}),
  ] as [PlacementFigures[], Balance]
  const tables = simulationTables({ ...wish, events, placements, chance, hops: [] })
    .split('\n\n')
    .slice(0, -1)
  expect(tables.length).toBe(5)
  const document = readFileSync('docs/cluster.md', 'utf8')
  for (const table of tables) expect(document).toContain(table)
})

/** The tags that are open at the end, or closed out of turn: none in well-formed XML. */
function openTagsLeft(xml: string): string[] {
  const open: string[] = []
  for (const [, closing, name, rest] of xml.matchAll(/<(\/?)([a-z]+)((?:\s+[\w-]+="[^"<&]*")*\s*\/?)>/g)) {
    if (closing && open.at(-1) === name) open.pop()
    else if (!rest!.endsWith('/')) open.push(`${closing}${name}`)
  }
  const stray =
    xml.replace(/<(\/?)([a-z]+)((?:\s+[\w-]+="[^"<&]*")*\s*\/?)>/g, '').match(/<|&(?!#\d+;)/g) ?? []
  return [...open, ...stray]
}
