import type { Command } from 'commander'
import {
  type Address,
  addressParser,
  collect,
  examples,
  jsonOption,
  requestTarget,
  serverName,
} from '../options.ts'
import { addTlsOptions, type TlsFlags } from '../tls-flags.ts'

/** The options of `ringtls client`. */
export interface ClientFlags extends TlsFlags {
  readonly servername?: string
  readonly ca?: string
  readonly insecure?: boolean
  readonly cert?: readonly string[]
  readonly key?: readonly string[]
  readonly sessionOut?: string
  readonly sessionIn?: string
  readonly http?: string
  readonly keylog?: string
  readonly json?: boolean
}

/** `ringtls client HOST:PORT`: one connection. */
export function addClient(program: Command): void {
  const client = program
    .command('client')
    .summary('connect to a TLS server')
    .description(
      'Connects, says how the handshake went, and closes. With --http the page is on stdout; with something piped ' +
        "in, that goes to the server and the server's data to stdout. Then the handshake is told on stderr.",
    )
    .argument('<HOST:PORT>', 'where to connect', addressParser({ minPort: 1 }))
    .option('--servername <NAME>', 'the name to ask for and to verify (default: HOST)', serverName)
    .option('--ca <FILE>', 'certificates to trust (PEM)')
    .option('--insecure', 'accept any certificate')
    .option('--cert <FILE>', 'certificate chain (PEM) for a server that asks; repeat for others', collect)
    .option('--key <FILE>', 'its private key (PEM); as often as --cert, in the same order', collect)
  addTlsOptions(client)
    .option(
      '--tickets',
      'ask for a session ticket; a session from --session-in that has one is offered anyway',
    )
    .option('--session-out <FILE>', 'write the session to FILE, mode 0600: it holds a master secret')
    .option(
      '--session-in <FILE>',
      'offer the session in FILE, if it was made for the same name and verified as asked',
    )
    .option('--http <PATH>', 'get this page', requestTarget)
    .option('--keylog <FILE>', 'add the keys of the connection to FILE: who reads it reads the traffic')
    .option(...jsonOption)
    .addHelpText(
      'after',
      examples(
        'ringtls client localhost:8441 --ca pki/ca.pem --http / --session-out session.pem',
        'ringtls client localhost:8442 --ca pki/ca.pem --http / --session-in session.pem',
        'echo hello | ringtls client localhost:8441 --ca pki/ca.pem',
        'ringtls client localhost:8443 --ca pki/ca.pem --cert me.pem --key me.key --alpn h2',
      ),
    )
    .action(async (address: Address, flags: ClientFlags) =>
      (await import('../actions/run-client.ts')).runClient(address, flags),
    )
}
