/** `--node-cert`, `--node-key` and `--node-ca`: what servers and session nodes show each other where a url says https. */
import { X509Certificate } from 'node:crypto'
import { isIP } from 'node:net'
import { createSecureContext } from 'node:tls'
import type { ClusterInfo, NodeTls } from '../cluster/index.ts'
import { UsageError } from './failures.ts'
import { readTextFile } from './files.ts'
import type { NodeFlags } from './node-flags.ts'
import type { Output } from './output.ts'

/** Reads the files; `undefined` where every url is http. `path` is that of `info`, for errors. */
export function readNodeTls(
  { nodeCert, nodeKey, nodeCa }: NodeFlags,
  { info, path }: { info: ClusterInfo; path: string },
): NodeTls | undefined {
  const given = { '--node-cert': nodeCert, '--node-key': nodeKey, '--node-ca': nodeCa }
  const missing = Object.entries(given).flatMap(([name, value]) => (value === undefined ? [name] : []))
  const encrypted = info.nodes.find(({ url }) => url.startsWith('https:'))
  if (encrypted === undefined) {
    if (missing.length === 3) return undefined
    throw new UsageError(
      `--node-cert, --node-key and --node-ca are of no use: no node in ${path} has an https url; change the urls, or leave them out`,
    )
  }
  if (nodeCert === undefined || nodeKey === undefined || nodeCa === undefined) {
    throw new UsageError(
      `${path}: node ${encrypted.id} has ${encrypted.url}, and over https both sides show a certificate: add ${missing.join(' and ')}`,
    )
  }
  const tls = {
    cert: readTextFile(nodeCert, '--node-cert'),
    key: readTextFile(nodeKey, '--node-key'),
    ca: readTextFile(nodeCa, '--node-ca'),
  }
  refuseUnreadable(`--node-cert ${nodeCert} and --node-key ${nodeKey}`, () => createSecureContext(tls))
  refuseUnreadable(`--node-ca ${nodeCa}`, () => new X509Certificate(tls.ca))
  return tls
}

/** Purposes (RFC 5280 §4.2.1.12). */
const serverAuth = '1.3.6.1.5.5.7.3.1'
const clientAuth = '1.3.6.1.5.5.7.3.2'

/** Says what the other side will not like about a certificate, before it does. */
export function warnOfNodeCertificate(
  { tls, info, nodeId }: { tls: NodeTls | undefined; info: ClusterInfo; nodeId: string },
  { isServer, hasStore }: { isServer: boolean; hasStore: boolean },
  output: Output,
): void {
  if (tls === undefined) return
  const leaf = new X509Certificate(tls.cert)
  const warn = (text: string) => output.note(`--node-cert: the certificate ${text}`)
  const url = new URL(info.nodes.find(({ id }) => id === nodeId)!.url)
  const isNode = hasStore && url.protocol === 'https:'
  const host = url.hostname.replace(/^\[|\]$/g, '')
  const names = isIP(host) === 0 ? leaf.checkHost(host) : leaf.checkIP(host)
  if (isNode && names === undefined) {
    warn(`does not name ${host}, this node's host in cluster.json: servers will refuse it`)
  }
  // Without the extension a certificate is for any purpose.
  const named: readonly string[] | undefined = leaf.keyUsage
  const lacks = (purpose: string) => named !== undefined && !named.includes(purpose)
  if (isNode && lacks(serverAuth)) warn('is not for servers (extendedKeyUsage): servers will refuse it')
  if (isServer && lacks(clientAuth)) warn('is not for clients (extendedKeyUsage): nodes will refuse it')
}

/** OpenSSL's errors do not know which file they are about. */
function refuseUnreadable(files: string, read: () => unknown): void {
  try {
    read()
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new UsageError(`${files}: wanted PEM, a certificate with its key and authorities: ${reason}`)
  }
}
