import type { Command } from 'commander'
import { type Address, addressParser, examples, jsonOption, requestTarget, serverName } from '../options.ts'

/** The options of `ringtls client`. */
export interface ClientFlags {
  readonly servername?: string
  readonly ca?: string
  readonly insecure?: boolean
  readonly ciphers?: string
  readonly sessionOut?: string
  readonly sessionIn?: string
  readonly http?: string
  readonly keylog?: string
  readonly json?: boolean
}

/** `ringtls client HOST:PORT`: one connection. */
export function addClient(program: Command): void {
  program
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
    .option('--ciphers <LIST>', 'cipher suites in order of preference, joined by colons')
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
      ),
    )
    .action(async (address: Address, flags: ClientFlags) =>
      (await import('../actions/run-client.ts')).runClient(address, flags),
    )
}
