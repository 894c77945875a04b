/** The options that `server` and `client` share: what may be negotiated, and what each proves itself with. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { AlgorithmOptions, ProviderChoice } from '../node/index.ts'

export interface TlsFlags {
  readonly ciphers?: string
  readonly groups?: string
  readonly sigalgs?: string
  readonly policy?: 'default' | 'modern'
  readonly alpn?: readonly string[]
  readonly tickets?: boolean
  readonly provider?: 'noble' | 'node'
}

/** Adds them to a command. */
export function addTlsOptions(command: Command): Command {
  return command
    .option(
      '--alpn <LIST>',
      'application protocols in order of preference, such as h2,http/1.1',
      protocolNames,
    )
    .option('--ciphers <LIST>', 'cipher suites in order of preference, joined by colons', colonList)
    .option(
      '--groups <LIST>',
      'groups of ECDHE and DHE in order of preference, such as X25519:P-256',
      colonList,
    )
    .option('--sigalgs <LIST>', 'signatures to make and to take, such as ed25519:RSA+SHA256', colonList)
    .addOption(
      new Option(
        '--policy <NAME>',
        '\'modern\' leaves out RSA key exchange, CBC, SHA-1 and SHA-224 (default: "default")',
      ).choices(['default', 'modern']),
    )
    .addOption(
      new Option(
        '--provider <NAME>',
        "who does the arithmetic: 'noble' in TypeScript, or 'node', OpenSSL, for speed (default: \"noble\")",
      ).choices(['noble', 'node']),
    )
}

/** The same as options of a socket. */
export function tlsOptions({
  ciphers,
  groups,
  sigalgs,
  policy,
  alpn,
  tickets,
  provider,
}: TlsFlags): AlgorithmOptions & {
  readonly provider?: ProviderChoice
  readonly ALPNProtocols?: readonly string[]
  readonly tickets?: boolean
} {
  return {
    ...{ ciphers, sigalgs, policy, ecdhCurve: groups },
    ...(alpn && { ALPNProtocols: alpn }),
    ...(tickets === undefined ? {} : { tickets }),
    ...(provider && { provider }),
  }
}

/** Lists are joined by colons as openssl has them; people write commas as well. */
function colonList(text: string): string {
  return text.replaceAll(',', ':')
}

function protocolNames(text: string): readonly string[] {
  const names = colonList(text).split(':')
  const isWrong = (name: string) => name === '' || Buffer.byteLength(name) > 255
  if (names.some(isWrong))
    throw new InvalidArgumentError('Wanted names of 1 to 255 bytes, joined by commas, such as h2,http/1.1.')
  return names
}
