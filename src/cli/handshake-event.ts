import type { HandshakeReport } from '../node/index.ts'
import { errnoOf, oneLine } from './failures.ts'
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
}

/** A handshake that did not come about. */
export interface HandshakeFailedEvent {
  readonly event: 'handshakeFailed'
  readonly code: string
  readonly message: string
}

/** A handshake's report as an event. */
export function handshakeEvent(report: HandshakeReport, node: string | undefined): HandshakeEvent {
  return {
    event: 'handshake',
    node: node ?? null,
    protocol: report.protocol,
    cipher: report.cipher,
    resumed: report.resumed,
    reason: report.reason,
    owner: report.owner ?? null,
    lookupMs: report.lookupMs === undefined ? null : roundMs(report.lookupMs),
    bytesIn: report.bytesIn,
    bytesOut: report.bytesOut,
    ms: roundMs(report.ms),
  }
}

/** A server's handshake, for either sort of reader. */
export function printedHandshake(report: HandshakeReport, node: string | undefined): Printed {
  const json = handshakeEvent(report, node)
  const kind = json.resumed ? 'resumed' : 'full'
  const owner = json.owner === null ? '' : `, owner ${json.owner}`
  const lookup = json.lookupMs === null ? '' : `, look-up ${json.lookupMs} ms`
  const bytes = `${json.bytesIn} bytes in, ${json.bytesOut} out`
  return {
    json,
    text: `handshake ${kind} (${json.reason})${owner}${lookup}: ${json.protocol} ${json.cipher}, ${bytes}, ${json.ms} ms`,
  }
}

/** A handshake that failed, whoever is to blame. */
export function handshakeFailedEvent(error: Error): HandshakeFailedEvent {
  return {
    event: 'handshakeFailed',
    code: errnoOf(error) || error.name,
    message: oneLine(error.message || error.name),
  }
}
