import type { Command } from 'commander'
import type { ClusterFlags } from '../cluster-files.ts'
import { addNodeOptions } from '../node-flags.ts'
import { examples, jsonOption } from '../options.ts'

/** The options of `ringtls session-node`. */
export interface SessionNodeFlags extends ClusterFlags {
  readonly json?: boolean
}

/** `ringtls session-node`: a node that stores sessions and serves no clients. */
export function addSessionNode(program: Command): void {
  const sessionNode = program
    .command('session-node')
    .summary("store a cluster's sessions, and serve no clients")
    .description(
      "Stores the cluster's sealed sessions for the servers, on the address that cluster.json gives the node. " +
        'It never opens what it stores, and keeps it in memory alone. Stops on SIGTERM.',
    )
    .requiredOption('--cluster <FILE>', 'the list of nodes (cluster.json)')
    .requiredOption('--cluster-key <FILE>', 'the key that the servers share')
    .requiredOption('--node <ID>', 'which node of the list this one is')
  addNodeOptions(sessionNode)
    .option(...jsonOption)
    .addHelpText(
      'after',
      examples(
        'ringtls session-node --cluster pki/cluster.json --cluster-key pki/cluster.key --node n2',
        'ringtls session-node --cluster cluster.json --cluster-key cluster.key --node n2 \\',
        '    --node-listen 0.0.0.0:7802 --node-cert node.pem --node-key node.key --node-ca nodes.pem',
      ),
    )
    .action(async (flags: SessionNodeFlags) =>
      (await import('../actions/run-session-node.ts')).runSessionNode(flags),
    )
}
