import type { Command } from 'commander'
import { certificateHost, examples, integerParser, jsonOption } from '../options.ts'

/** The session store of node n1; the others follow. */
export const firstPort = 7801
const maxNodes = 1000

/** The options of `ringtls init`. */
export interface InitFlags {
  readonly nodes: number
  readonly host: string
  readonly nodeTls?: boolean
  readonly json?: boolean
}

/** `ringtls init DIR`: all the files of a new cluster. */
export function addInit(program: Command): void {
  program
    .command('init')
    .summary('write certificates, keys and the list of nodes of a new cluster')
    .description(
      'Writes ca.pem, server.pem, server.key, cluster.json and cluster.key to DIR: all that servers and clients ' +
        'of a new cluster need. Nothing is overwritten.',
    )
    .argument('<DIR>', 'where to write; made if it is not there')
    .option('--nodes <N>', 'how many session nodes, n1 to nN', integerParser(1, maxNodes), 3)
    .option(
      '--host <NAME>',
      'name or IP address for the certificate, besides localhost, 127.0.0.1 and ::1',
      certificateHost,
      'localhost',
    )
    .option('--node-tls', 'https between servers and session nodes: node-ca.pem, node.pem and node.key too')
    .option(...jsonOption)
    .addHelpText(
      'after',
      `
The nodes' stores get http://127.0.0.1:${firstPort}, ${firstPort + 1} and so on: for other addresses edit "url" in
cluster.json, the same on every server. The authority's own key is not kept, so nobody can issue another
certificate under ca.pem; for a new certificate make a new directory. All is valid for 365 days.`,
    )
    .addHelpText(
      'after',
      examples('ringtls init pki', 'ringtls init pki --nodes 5 --host www.example.com --node-tls'),
    )
    .action(async (directory: string, flags: InitFlags) =>
      (await import('../actions/run-init.ts')).runInit(directory, flags),
    )
}
