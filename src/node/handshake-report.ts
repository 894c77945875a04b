import type { HandshakeMessage } from '../connection/connection.ts'
import type { CipherSuiteName } from '../crypto/cipher-suites.ts'
import type { NamedGroup } from '../crypto/named-groups.ts'
import type { ResumptionResult } from '../handshake/effects.ts'
import type { Established } from '../handshake/flow.ts'
import { parseCertificate } from '../x509/certificate.ts'

/** How a handshake went, for logs and for people. Bytes are those on the wire until its end. */
export interface HandshakeReport {
  readonly protocol: 'TLSv1.2'
  readonly cipher: CipherSuiteName
  readonly resumed: boolean
  readonly reason: ResumptionResult
  readonly serverName: string | undefined
  /** The cluster node that holds the session, where there is one. */
  readonly owner: string | undefined
  /** How long the session's look-up took; `undefined` when none was made. */
  readonly lookupMs: number | undefined
  readonly bytesIn: number
  readonly bytesOut: number
  /** From the first byte of the handshake to its last. */
  readonly ms: number
  /** Every message of it, in the order of this side: 9 of a full handshake, 6 of an abbreviated one. */
  readonly messages: readonly HandshakeMessage[]
  /** Of (EC)DHE; a resumed handshake has none. */
  readonly group: NamedGroup | undefined
  /** What ALPN settled on. */
  readonly alpnProtocol: string | undefined
  /** Whether the client proved a certificate, now or when the session was made; on a server: one that verifies. */
  readonly clientAuthenticated: boolean
  /** The subject of the peer's certificate (RFC 4514), whether it verifies or not. */
  readonly peerSubject: string | undefined
}

/** What the adapter measured of a handshake. */
export type Measured = Pick<
  HandshakeReport,
  'owner' | 'lookupMs' | 'bytesIn' | 'bytesOut' | 'ms' | 'messages'
>

/** A report of what a handshake settled and what it took. */
export function handshakeReport(established: Established, measured: Measured): HandshakeReport {
  const { suite, resumed, resumption, serverName, group, alpnProtocol, session } = established
  const [leaf] = established.peerCertificates
  return {
    protocol: 'TLSv1.2',
    cipher: suite,
    ...{ resumed, reason: resumption, serverName },
    ...measured,
    ...{ group, alpnProtocol, clientAuthenticated: session.clientAuthenticated },
    peerSubject: leaf && subjectOf(leaf),
  }
}

/** What a client resumes with may come out of a file that says anything: it is no ground to fail on. */
function subjectOf(certificate: Uint8Array): string | undefined {
  try {
    return parseCertificate(certificate).subject.text
  } catch {
    return undefined
  }
}
