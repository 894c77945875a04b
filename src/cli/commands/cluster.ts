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

/** What is said to nodes with an https url, and how long they have. */
export interface SurveyFlags {
  readonly timeout: number
  readonly nodeCert?: string
  readonly nodeKey?: string
  readonly nodeCa?: string
  readonly json?: boolean
}

/** The options of `ringtls cluster check`. */
export interface CheckFlags extends SurveyFlags {
  readonly clusterKey?: string
  readonly maxKeyAge: number
}

/** The options of `ringtls cluster plan`. */
export interface PlanFlags {
  readonly to: string
  readonly sample: number
  readonly seed: number
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
  addStatus(cluster)
  addCheck(cluster)
  addPlan(cluster)
  addRotateKey(cluster)
}

function addStatus(cluster: Command): void {
  const status = cluster
    .command('status')
    .summary('who is up, and do all agree')
    .description(
      'Asks every node of the list how it is, and prints a line for each: whether it is up, has this very list, how much it ' +
        'stores, which key it uses, and how far its clock is from the one here.',
    )
    .argument('<FILE>', 'the list of nodes (cluster.json)')
  addSurveyOptions(status)
    .addHelpText(
      'after',
      examples(
        'ringtls cluster status pki/cluster.json',
        'ringtls cluster status cluster.json --node-cert admin.pem --node-key admin.key --node-ca nodes.pem',
      ),
    )
    .action(async (file: string, flags: SurveyFlags) =>
      (await import('../actions/run-cluster-status.ts')).runClusterStatus(file, flags),
    )
}

function addCheck(cluster: Command): void {
  const check = cluster
    .command('check')
    .summary('what an operator should see to, for monitoring')
    .description(
      'Reads the files, asks every node how it is, and prints a line for each thing that is not as it should be: nodes that do not ' +
        'answer or have another list, other keys or another time; a list that is odd; a key that is old, ends soon or may be ' +
        'read by others. Exit code 0: all is well, 1: something was found, 2: a file cannot be read.',
    )
    .argument('<FILE>', 'the list of nodes (cluster.json)')
    .option(
      '--cluster-key <FILE>',
      'the key that the servers share: checked too, and whether every node has it',
    )
    .option(
      '--max-key-age <DAYS>',
      'how old a key may be; it is good for 2^32 sessions, 1,600 a second for 30 days',
      integerParser(1, 3650),
      30,
    )
  addSurveyOptions(check)
    .addHelpText(
      'after',
      examples(
        'ringtls cluster check pki/cluster.json --cluster-key pki/cluster.key',
        'ringtls cluster check cluster.json --json --timeout 500',
      ),
    )
    .action(async (file: string, flags: CheckFlags) =>
      (await import('../actions/run-cluster-check.ts')).runClusterCheck(file, flags),
    )
}

function addPlan(cluster: Command): void {
  cluster
    .command('plan')
    .summary('what a changed list would move, before it is made')
    .description(
      'Compares where random keys are in the list and in the changed one: how many sessions would have another owner, what share ' +
        'each node gets, and what to think of first. Nothing is changed and nobody is asked.',
    )
    .argument('<FILE>', 'the list as it is (cluster.json)')
    .requiredOption('--to <FILE>', 'the list as it shall be')
    .option('--sample <N>', 'how many random keys', integerParser(1, 10_000_000), 100_000)
    .option('--seed <S>', 'another number, other random keys', integerParser(0, 0xffff_ffff), 1)
    .option(...jsonOption)
    .addHelpText('after', examples('ringtls cluster plan pki/cluster.json --to new.json'))
    .action(async (file: string, flags: PlanFlags) =>
      (await import('../actions/run-cluster-plan.ts')).runClusterPlan(file, flags),
    )
}

function addSurveyOptions(command: Command): Command {
  return command
    .option('--timeout <MS>', 'how long each node has to answer', integerParser(1, 60_000), 2000)
    .option('--node-cert <FILE>', 'for nodes with an https url: the certificate to show (PEM)')
    .option('--node-key <FILE>', 'its private key (PEM)')
    .option('--node-ca <FILE>', 'the authorities of all node certificates (PEM)')
    .option(...jsonOption)
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
