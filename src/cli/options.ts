/** What options of several commands have in common: how their values are read. */
import { InvalidArgumentError } from 'commander'
import { isDnsName, parseIpAddress } from '../x509/host-name.ts'

/** Where to listen or to connect. */
export interface Address {
  /** A name or an IP address, IPv6 without brackets. */
  readonly host: string
  readonly port: number
}

/** Reads `HOST:PORT`, `[::1]:PORT` for IPv6; port 0 only where one is to be chosen by the system. */
export function addressParser({ minPort }: { minPort: 0 | 1 }): (text: string) => Address {
  return text => {
    const [, ipv6, name, digits] = /^(?:\[([0-9A-Fa-f:.]+)\]|([^:[\]\s]+)):(\d{1,5})$/.exec(text) ?? []
    const port = Number(digits)
    if (digits === undefined || port > 65535 || port < minPort) {
      throw new InvalidArgumentError(
        `Wanted HOST:PORT with a port of ${minPort} to 65535, such as localhost:8443 or [::1]:8443.`,
      )
    }
    return { host: ipv6 ?? name!, port }
  }
}

/** `HOST:PORT` again. */
export function addressText({ host, port }: Address): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}

/** Reads a whole number between two others. */
export function integerParser(min: number, max: number): (text: string) => number {
  return text => {
    const value = Number(text)
    if (!/^\d+$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`Wanted a whole number from ${min} to ${max}.`)
    }
    return value
  }
}

/** Reads a name or an address for a certificate. */
export function certificateHost(text: string): string {
  if (parseIpAddress(text) || isDnsName(text.replace(/^\*\./, ''))) return text
  throw new InvalidArgumentError('Wanted a host name, ASCII, or an IP address.')
}

/** Reads the name that a server must prove: an address is never asked for by name (RFC 6066 §3). */
export function serverName(text: string): string {
  if (isDnsName(text) && !parseIpAddress(text)) return text
  throw new InvalidArgumentError('Wanted a host name, ASCII and no IP address.')
}

/** Reads `--http`: what stands in a request line. */
export function requestTarget(text: string): string {
  if (!/^\/[!-~]*$/.test(text)) throw new InvalidArgumentError('Wanted a path such as /index.html.')
  return text
}

/** For an option that may be given more than once. */
export function collect(value: string, earlier: readonly string[] | undefined): readonly string[] {
  return [...(earlier ?? []), value]
}

/** What all commands say of `--json`. */
export const jsonOption = ['--json', 'print one JSON object a line, for programs'] as const

/** The examples at the end of a help text; a line that starts with a blank goes on with the one before. */
export function examples(...lines: readonly string[]): string {
  return `\nExamples:\n${lines.map(line => (line.startsWith(' ') ? `  ${line}` : `  $ ${line}`)).join('\n')}`
}
