/** The options that `server` and `session-node` share: where a node's store listens, how it proves itself, what it tells operators. */
import type { Command } from 'commander'
import { Option } from 'commander'
import { type LogLevel, logLevels } from './log-level.ts'
import { type Address, addressParser } from './options.ts'

export interface NodeFlags {
  readonly nodeListen?: Address
  readonly nodeCert?: string
  readonly nodeKey?: string
  readonly nodeCa?: string
  readonly metrics?: Address
  readonly logLevel?: LogLevel
}

/** Adds them to a command. */
export function addNodeOptions(command: Command): Command {
  const address = addressParser({ minPort: 0 })
  return command
    .option(
      '--node-listen <HOST:PORT>',
      "where the session store listens, when that is not the node's url in cluster.json (containers, proxies)",
      address,
    )
    .option('--node-cert <FILE>', 'for nodes with an https url: the certificate this process shows (PEM)')
    .option('--node-key <FILE>', 'its private key (PEM)')
    .option('--node-ca <FILE>', 'the authorities of all node certificates (PEM)')
    .option('--metrics <HOST:PORT>', 'serve /metrics and /healthz there too, over plain http', address)
    .addOption(
      new Option(
        '--log-level <LEVEL>',
        'JSON lines on stderr, from this level on; without it warnings, and notes as text',
      ).choices(logLevels),
    )
}
