import type { Command } from 'commander'
import { Option } from 'commander'
import type { StoreFlags } from '../engine-store.ts'
import { addNodeOptions } from '../node-flags.ts'
import { type Address, addressParser, collect, examples, integerParser, jsonOption } from '../options.ts'
import { addTlsOptions, type TlsFlags } from '../tls-flags.ts'

const oneDaySeconds = 24 * 60 * 60

/** The options of `ringtls server`. */
export interface ServerFlags extends StoreFlags, TlsFlags {
  readonly listen: Address
  readonly cert: readonly string[]
  readonly key: readonly string[]
  readonly ttl?: number
  readonly clientAuth: 'none' | 'request' | 'require'
  readonly clientCa?: string
  readonly ocspResponse?: readonly string[]
  readonly preferClientOrder?: boolean
  readonly keyWorkers?: number
  readonly app: 'http' | 'echo'
  readonly keylog?: string
  readonly json?: boolean
}

/** `ringtls server`: a TLS server with a small application, alone or as one of a cluster. */
export function addServer(program: Command): void {
  const server = program
    .command('server')
    .summary('a TLS server, alone or one of a cluster')
    .description(
      'A TLS 1.2 server with a small application. With --cluster, --cluster-key and --node its sessions live in ' +
        'the cluster, and any server of it resumes them; with --store and --cluster-key they live in a Redis or a ' +
        'memcached; without, they stay in its own memory. Prints a line when it is ready and one for each ' +
        'handshake. Stops on SIGTERM.',
    )
    .requiredOption(
      '--listen <HOST:PORT>',
      'where to listen; port 0 takes a free one',
      addressParser({ minPort: 0 }),
    )
    .requiredOption(
      '--cert <FILE>',
      'certificate chain (PEM); repeat for more names or kinds of key, the client gets the one it can use',
      collect,
    )
    .requiredOption('--key <FILE>', 'its private key (PEM); as often as --cert, in the same order', collect)
    .option('--ocsp-response <FILE>', 'OCSP response (DER) to staple; in the order of --cert', collect)
  addClusterOptions(server)
  addNodeOptions(server)
  addTlsOptions(server)
    .option(
      '--key-workers <N>',
      'do the work of private keys in N threads, so that no client waits for the handshake of another',
      integerParser(1, 64),
    )
    .option('--prefer-client-order', "the client's order of suites and groups decides, not ours")
    .option(
      '--tickets',
      "give clients that ask a session ticket, and no session ID; under the cluster's key where there is one",
    )
  addClientOptions(server)
    .addOption(new Option('--app <NAME>', 'what to say to clients').choices(['http', 'echo']).default('http'))
    .option('--keylog <FILE>', 'add the keys of every connection to FILE: who reads it reads the traffic')
    .option(...jsonOption)
    .addHelpText('after', serverExamples)
    .action(async (flags: ServerFlags) => (await import('../actions/run-server.ts')).runServer(flags))
}

function addClusterOptions(server: Command): void {
  server
    .option('--cluster <FILE>', 'the list of nodes (cluster.json)')
    .option('--cluster-key <FILE>', 'the key that the servers share')
    .option('--node <ID>', "which node of the list this one is: also runs that node's session store")
    .addOption(
      new Option(
        '--store <URL>',
        "where sessions live: 'http' for session nodes, redis://, redis+cluster://, redis+sentinel:// or " +
          'memcached:// for an engine; with a password better in the environment, where others do not see it',
      ).env('RINGTLS_STORE'),
    )
    .option('--no-store', 'do not run the session store; `ringtls session-node` does')
    .option('--ttl <S>', 'seconds a session may be resumed (default: 600)', integerParser(1, oneDaySeconds))
    .option('--lookup-timeout <MS>', 'budget of a session look-up (default: 50)', integerParser(1, 10_000))
}

function addClientOptions(server: Command): Command {
  return server
    .addOption(
      new Option(
        '--client-auth <MODE>',
        "ask clients for a certificate: 'request' lets in those without one, or with one that does not verify, and says so",
      )
        .choices(['none', 'request', 'require'])
        .default('none'),
    )
    .option('--client-ca <FILE>', 'the authorities of client certificates (PEM)')
}

const serverExamples = examples(
  'ringtls server --listen localhost:8443 --cert pki/server.pem --key pki/server.key',
  'ringtls server --listen localhost:8441 --cert pki/server.pem --key pki/server.key \\',
  '    --cluster pki/cluster.json --cluster-key pki/cluster.key --node n1',
  'ringtls server --listen localhost:8441 --cert pki/server.pem --key pki/server.key \\',
  '    --cluster-key pki/cluster.key --store redis+cluster://10.0.0.1:6379,10.0.0.2:6379,10.0.0.3:6379',
  'ringtls server --listen localhost:8443 --cert pki/server.pem --key pki/server.key \\',
  '    --client-auth require --client-ca people.pem --alpn http/1.1 --policy modern',
  'openssl s_client -connect localhost:8441 -tls1_2 -CAfile pki/ca.pem',
)
