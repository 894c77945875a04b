/** TLS between servers and session nodes: both sides show a certificate, and both verify the other's. */
import type { SecureVersion } from 'node:tls'

/** PEM. One certificate serves a node towards servers and a server towards nodes, so it must be good for both purposes. */
export interface NodeTls {
  readonly cert: string
  readonly key: string
  /** The authorities that sign the certificates of this cluster, and of nobody else. */
  readonly ca: string
}

const minVersion: SecureVersion = 'TLSv1.2'

/** For node:https: who has no certificate of the cluster's authority does not get as far as a request. */
export function nodeServerTls({ cert, key, ca }: NodeTls) {
  return { cert, key, ca, minVersion, requestCert: true, rejectUnauthorized: true }
}

/** For undici's `connect`: the node's certificate must name the host of its url. */
export function nodeClientTls({ cert, key, ca }: NodeTls) {
  return { cert, key, ca, minVersion, rejectUnauthorized: true }
}
