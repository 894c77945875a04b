import { type Command, InvalidArgumentError, Option } from 'commander'
import { placementNames } from '../../cluster/cluster-info.ts'
import { type ClusterEvent, clusterEvents } from '../../cluster/simulation/placement-figures.ts'
import { examples, integerParser, jsonOption } from '../options.ts'

/** The options of `ringtls simulate`. */
export interface SimulateFlags {
  readonly nodes: number
  readonly sessions: number
  readonly placement: (typeof placementNames)[number] | 'all'
  readonly replicas: number
  readonly draws: '1' | '2'
  readonly events: readonly ClusterEvent[]
  readonly seed: string
  readonly svg?: string
  readonly json?: boolean
}

/** `ringtls simulate`: placements side by side, without a cluster. */
export function addSimulate(program: Command): void {
  program
    .command('simulate')
    .summary('compare the placements: balance, moved sessions, hops')
    .description(
      'Places random sessions on imagined nodes and says how evenly they lie, how many move and how many still ' +
        'resume when a node joins, leaves or crashes, and how many hops a question would take with the finger ' +
        "tables of Chord and the buckets of Kademlia, which a cluster of ours, where everybody knows everybody, doesn't need.",
    )
    .option('--nodes <N>', 'how many nodes', integerParser(2, 10_000), 16)
    .option('--sessions <N>', 'how many sessions', integerParser(1, 10_000_000), 1_000_000)
    .addOption(
      new Option('--placement <NAME>', 'which placement').choices(['all', ...placementNames]).default('all'),
    )
    .option('--replicas <R>', 'on how many nodes a session is', integerParser(1, 16), 2)
    .addOption(
      new Option('--draws <N>', '2 shows the best of two draws as well').choices(['1', '2']).default('2'),
    )
    .addOption(
      new Option('--events <LIST>', 'what happens, separated by commas, or none')
        .argParser(readEvents)
        .default(clusterEvents, clusterEvents.join(',')),
    )
    .option('--seed <TEXT>', 'the same text gives the same figures', '1')
    .option('--svg <FILE>', 'draw the figures as well')
    .option(...jsonOption)
    .addHelpText(
      'after',
      `
Above 64 nodes at most 100,000 sessions are placed; how many were is printed. What chance makes of as many is
printed beside: where a node has few sessions, that is most of what is seen.`,
    )
    .addHelpText(
      'after',
      examples(
        'ringtls simulate',
        'ringtls simulate --nodes 1000 --placement ring --replicas 3',
        'ringtls simulate --nodes 64 --sessions 10000000 --svg placements.svg',
      ),
    )
    .action(async (flags: SimulateFlags) => (await import('../actions/run-simulate.ts')).runSimulate(flags))
}

function readEvents(text: string): readonly ClusterEvent[] {
  const words = text === 'none' ? [] : text.split(',')
  const known = words.filter((word): word is ClusterEvent => clusterEvents.some(event => event === word))
  if (known.length < words.length || new Set(words).size < words.length) {
    throw new InvalidArgumentError(`Wanted none, or some of ${clusterEvents.join(',')}, each once.`)
  }
  return known
}
