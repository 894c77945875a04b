/**
 * Does a certificate speak for a host? (RFC 9525.) Only subjectAltName counts, never the common name; a DNS
 * name is compared with DNS names and an IP address with IP addresses; `*` stands for one whole label, the
 * leftmost. Where we are narrower than the RFC lets us be, a comment says so.
 */
import { equalBytes } from '../bytes.ts'
import type { SubjectAltName } from './certificate-extensions.ts'

/**
 * Whether one of the names is that of `host`: a DNS name (an internationalized one as A-labels, `xn--`; one
 * trailing dot is taken off) or an IP address (`192.0.2.1`, `2001:db8::1`). Never throws (RFC 9525 §6).
 */
export function matchesHost(names: SubjectAltName | undefined, host: string): boolean {
  if (!names) return false
  const address = parseIpAddress(host)
  if (address) return names.ipAddresses.some(known => equalBytes(known, address))
  const labels = hostLabels(host)
  return labels !== undefined && names.dnsNames.some(presented => matchesDnsName(presented, labels))
}

/** Whether `text` could be a host's DNS name, A-labels only; a trailing dot is allowed (RFC 1034 §3.5). */
export function isDnsName(text: string): boolean {
  return hostLabels(text) !== undefined
}

/**
 * The labels of the name we look for, in lower case. `example.com.` is the absolute form of `example.com` and
 * the same host, but a certificate never has the dot (RFC 5280 §4.2.1.6, with the syntax of RFC 1034 §3.5).
 */
function hostLabels(host: string): string[] | undefined {
  if (host.length > maxHostLength) return undefined
  const labels = host.replace(/\.$/, '').toLowerCase().split('.')
  // A last label of digits is a miswritten IPv4 address: no such top-level domain can be.
  const isName = labels.every(label => dnsLabel.test(label)) && !/^\d+$/.test(labels.at(-1)!)
  return isName ? labels : undefined
}

/** 255 bytes on the wire are 253 characters and a dot (RFC 1034 §3.1). */
const maxHostLength = 254

/** Letters, digits and hyphen; the underscore is no host name's, but people have it (RFC 1034 §3.5). */
const dnsLabel = /^[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?$/

/** RFC 9525 §6.3: label by label and case-insensitively; `*` only alone, first, and before two labels or more. */
function matchesDnsName(presented: string, labels: readonly string[]): boolean {
  const [first, ...rest] = presented.toLowerCase().split('.')
  if (rest.length + 1 !== labels.length) return false
  // Narrower than the RFC: `*.com` would speak for everybody.
  const matchesFirst = first === '*' ? rest.length >= 2 : first === labels[0]
  return matchesFirst && rest.every((label, i) => label === labels[i + 1])
}

/**
 * The 4 or 16 bytes of an IP address, `undefined` when `text` is none. IPv4 as four decimal numbers without
 * leading zeros; IPv6 by RFC 4291 §2.2, without brackets or zone.
 */
export function parseIpAddress(text: string): Uint8Array | undefined {
  return text.includes(':') ? parseIpv6(text) : parseIpv4(text)
}

function parseIpv4(text: string): Uint8Array | undefined {
  const parts = text.split('.')
  const isAddress =
    parts.length === 4 && parts.every(part => /^(0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
  return isAddress ? Uint8Array.from(parts, Number) : undefined
}

/** Eight groups of 16 bits; one `::` stands for one or more groups of zeros; the last two may be an IPv4 address. */
function parseIpv6(text: string): Uint8Array | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const head = parseGroups(halves[0]!, halves.length === 1)
  const tail = halves.length === 2 ? parseGroups(halves[1]!, true) : []
  if (!head || !tail) return undefined
  const missing = 16 - head.length - tail.length
  if (halves.length === 1 ? missing !== 0 : missing < 2) return undefined
  return Uint8Array.from([...head, ...new Uint8Array(missing), ...tail])
}

/** The bytes of groups joined by colons; only at the end of the address may the last one be dotted. */
function parseGroups(text: string, isEnd: boolean): number[] | undefined {
  if (text === '') return []
  const bytes: number[] = []
  const groups = text.split(':')
  for (const [i, group] of groups.entries()) {
    const dotted = isEnd && i === groups.length - 1 ? parseIpv4(group) : undefined
    if (dotted) bytes.push(...dotted)
    else if (/^[0-9a-f]{1,4}$/i.test(group))
      bytes.push(Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff)
    else return undefined
  }
  return bytes
}
