import type { Balance } from '../../cluster/simulation/balance.ts'
import type { ClusterEvent } from '../../cluster/simulation/placement-figures.ts'
import { tableText } from '../table.ts'
import type { Simulation } from './simulation.ts'

/** The figures of a simulation for people: a table each for balance, every event, and hops. */
export function simulationTables(simulation: Simulation): string {
  const { nodes, sessions, sampled, seed, events } = simulation
  const all = sampled === sessions ? '' : `, ${whole(sampled)} of them sampled`
  return [
    `${whole(nodes)} nodes, ${whole(sessions)} sessions${all}, seed ${seed}`,
    balanceTable(simulation),
    ...events.map(event => eventTable(simulation, event)),
    hopTable(simulation),
  ].join('\n\n')
}

function balanceTable({ placements, chance, draws }: Simulation): string {
  const headings = ['peak/mean', 'min/mean', 'variation']
  const two = draws === 2
  const rows = placements.map(({ placement, balance, bestOfTwo }) => [
    placement,
    ...balanceCells(balance),
    ...(bestOfTwo === null ? [] : balanceCells(bestOfTwo)),
  ])
  return tableText({
    title: `Sessions by first owner${two ? '; in the last three columns the server keeps the better of two draws' : ''}`,
    heads: ['placement', ...headings, ...(two ? headings : [])],
    rows: [...rows, ['(chance)', ...balanceCells(chance)]],
    isOfFigures: true,
  })
}

const happenings: Readonly<Record<ClusterEvent, string>> = {
  join: 'One node joins',
  leave: 'One node leaves, and runs on',
  crash: 'One node crashes, and is taken off the list',
}

function eventTable({ placements, replicas, events }: Simulation, event: ClusterEvent): string {
  const figures = placements.map(placement => placement.events[events.indexOf(event)]!)
  const ideal = percent(figures[0]!.idealMoved)
  const copies = replicas === 1 ? [] : [`R = ${replicas}`]
  const rows = figures.map(({ moved, oneCopy, allCopies }, i) => [
    placements[i]!.placement,
    percent(moved),
    percent(oneCopy.ownersOnly),
    ...copies.map(() => percent(allCopies.ownersOnly)),
    percent(oneCopy.withFormer),
    ...copies.map(() => percent(allCopies.withFormer)),
  ])
  return tableText({
    title: `${happenings[event]}: % of sessions that move (${ideal} must), and that still resume with R copies`,
    heads: [
      'placement',
      'moved',
      'R = 1',
      ...copies,
      'R = 1, former',
      ...copies.map(text => `${text}, former`),
    ],
    rows,
    isOfFigures: true,
  })
}

function hopTable({ hops }: Simulation): string {
  return tableText({
    title: 'Hops to the owner where servers know few others; with cluster_info it is one',
    heads: ['nodes', 'log2', 'Chord: mean', 'max', 'Kademlia: mean', 'max'],
    rows: hops.map(({ nodes, log2, chord, kademlia }) => [
      whole(nodes),
      log2.toFixed(1),
      ...[chord.mean.toFixed(2), String(chord.max)],
      ...[kademlia.mean.toFixed(2), String(kademlia.max)],
    ]),
    isOfFigures: true,
  })
}

function balanceCells({ peakToMean, minToMean, coefficientOfVariation }: Balance): readonly string[] {
  return [peakToMean, minToMean, coefficientOfVariation].map(figure => figure.toFixed(3))
}

/** 0.0625 is 6.25. */
function percent(share: number): string {
  return (share * 100).toFixed(2)
}

/** 10000 is 10,000. */
function whole(number: number): string {
  return number.toLocaleString('en-US')
}
