import type { Command } from 'commander'
import { examples, integerParser, jsonOption } from '../options.ts'

const oneDaySeconds = 24 * 60 * 60

/** The options of `ringtls cluster rotate-key`. */
export interface RotateKeyFlags {
  readonly delay: number
  readonly ttl: number
  readonly dryRun?: boolean
  readonly json?: boolean
}

/** `ringtls cluster ...`: what operators ask of a cluster and do with its files. */
export function addCluster(program: Command): void {
  const cluster = program
    .command('cluster')
    .summary('see how a cluster is, and change its list and its key')
    .description('For operators: how the nodes are, what a change of the list would move, and another key.')
    .addHelpText(
      'after',
      examples('ringtls cluster status pki/cluster.json', 'ringtls cluster rotate-key pki/cluster.key'),
    )
  addRotateKey(cluster)
}

function addRotateKey(cluster: Command): void {
  cluster
    .command('rotate-key')
    .summary('add a key that takes over in a minute, without losing a session')
    .description(
      'Adds an epoch to the cluster key file. It begins after the delay: until then put the file on every server. The epoch ' +
        'before it opens what it sealed for as long as that may live, and what is over is left out. Servers take the file up by ' +
        'themselves within seconds, or at SIGHUP.',
    )
    .argument('<FILE>', 'the cluster key (cluster.key); written anew, with mode 0600')
    .option('--delay <S>', 'seconds until the new epoch begins', integerParser(0, 30 * oneDaySeconds), 60)
    .option(
      '--ttl <S>',
      'the longest that a session lives: the largest --ttl of your servers',
      integerParser(1, oneDaySeconds),
      oneDaySeconds,
    )
    .option('--dry-run', 'say what would be done, and write nothing')
    .option(...jsonOption)
    .addHelpText(
      'after',
      examples(
        'ringtls cluster rotate-key pki/cluster.key',
        'ringtls cluster rotate-key pki/cluster.key --delay 3600 --ttl 600',
      ),
    )
    .action(async (file: string, flags: RotateKeyFlags) =>
      (await import('../actions/run-rotate-key.ts')).runRotateKey(file, flags),
    )
}
