import type { HandshakeReport } from '../node/index.ts'
import { errnoOf, inOurWords, oneLine } from './failures.ts'
import { type Printed, roundMs } from './output.ts'

/** What `--json` says of a handshake. What there is none of is null. */
export interface HandshakeEvent {
  readonly event: 'handshake'
  /** The cluster node this server is. */
  readonly node: string | null
  readonly protocol: string
  readonly cipher: string
  readonly resumed: boolean
  /** Why it resumed or did not: a word of `resumption_total`, or `no_id` for a client that asked for nothing. */
  readonly reason: string
  /** The node that holds the session. */
  readonly owner: string | null
  readonly lookupMs: number | null
  readonly bytesIn: number
  readonly bytesOut: number
  readonly ms: number
  /** Client: whether the server's certificate was verified. */
  readonly verified?: boolean
  /** What ALPN settled on. */
  readonly alpn: string | null
  /** The group of (EC)DHE; a resumed handshake has none. */
  readonly group: string | null
  /** Server: the subject of the client's certificate. */
  readonly client: string | null
  /** Server: whether that certificate verifies. Client: whether it showed one. */
  readonly clientAuthenticated: boolean
}

/** A handshake that did not come about. */
export interface HandshakeFailedEvent {
  readonly event: 'handshakeFailed'
  readonly code: string
  readonly message: string
}

/** Whose event it is: a server's, with the node that it is, or a client's, with what it thinks of the server. */
export type Witness = { readonly node: string | undefined } | { readonly verified: boolean }

/** A handshake's report as an event. */
export function handshakeEvent(report: HandshakeReport, witness: Witness): HandshakeEvent {
  const isClient = 'verified' in witness
  return {
    event: 'handshake',
    node: isClient ? null : (witness.node ?? null),
    protocol: report.protocol,
    cipher: report.cipher,
    resumed: report.resumed,
    reason: report.reason,
    owner: report.owner ?? null,
    lookupMs: report.lookupMs === undefined ? null : roundMs(report.lookupMs),
    bytesIn: report.bytesIn,
    bytesOut: report.bytesOut,
    ms: roundMs(report.ms),
    ...(isClient ? { verified: witness.verified } : {}),
    alpn: report.alpnProtocol ?? null,
    group: report.group ?? null,
    client: isClient ? null : (clientName(report) ?? null),
    clientAuthenticated: report.clientAuthenticated,
  }
}

/** A certificate that does not verify may say anything, at any length. */
const maxNameLength = 200

/** A server's name for its client: the subject of its certificate, cut where it is long. */
export function clientName({ peerSubject }: HandshakeReport): string | undefined {
  return peerSubject === undefined || peerSubject.length <= maxNameLength
    ? peerSubject
    : `${peerSubject.slice(0, maxNameLength)}...`
}

/** A server's handshake, for either sort of reader. */
export function printedHandshake(report: HandshakeReport, node: string | undefined): Printed {
  const json = handshakeEvent(report, { node })
  const kind = json.resumed ? 'resumed' : 'full'
  const owner = json.owner === null ? '' : `, owner ${json.owner}`
  const lookup = json.lookupMs === null ? '' : `, look-up ${json.lookupMs} ms`
  const bytes = `${json.bytesIn} bytes in, ${json.bytesOut} out`
  const settled = `${json.protocol} ${json.cipher}${settledText(json)}`
  return {
    json,
    text: `handshake ${kind} (${json.reason})${owner}${lookup}: ${settled}, ${bytes}, ${json.ms} ms`,
  }
}

function settledText({ alpn, group, client, clientAuthenticated }: HandshakeEvent): string {
  return [
    group !== null && group,
    alpn !== null && `ALPN ${alpn}`,
    client !== null && `client ${client}${clientAuthenticated ? '' : ' (not verified)'}`,
  ]
    .filter(text => text !== false)
    .map(text => `, ${text}`)
    .join('')
}

/** A handshake that failed, whoever is to blame. */
export function handshakeFailedEvent(failure: Error): HandshakeFailedEvent {
  const error = inOurWords(failure) as Error
  return {
    event: 'handshakeFailed',
    code: errnoOf(error) || error.name,
    message: oneLine(error.message || error.name),
  }
}
