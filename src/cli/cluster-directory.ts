import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { makeClusterKeys } from '../cluster/index.ts'
import { createSecureContext } from '../node/index.ts'
import {
  makeCertificateAuthority,
  makeNodeCertificate,
  makeServerCertificate,
} from '../pki/make-certificates.ts'
import { errnoOf, UsageError } from './failures.ts'
import { fileReason } from './files.ts'

/** What a new cluster is made of. */
export interface NewCluster {
  /** Made if it is not there. */
  readonly directory: string
  /** A name or an IP address for the certificate, besides localhost and its addresses. */
  readonly host: string
  /** Where each node's session store will listen, such as http://127.0.0.1:7801. */
  readonly urls: readonly string[]
  /** Whether those are https: then both sides need certificates. */
  readonly nodeTls?: boolean
}

/** A file that was written, and what it is for. */
export interface MadeFile {
  readonly name: string
  readonly purpose: string
}

const validDays = 365
/** What cluster_info takes by default: beyond it a ring is faster. */
const maxRendezvousNodes = 64

const purposes = {
  'ca.pem': 'the authority, for clients: --ca',
  'server.pem': 'the certificate, for every server: --cert',
  'server.key': 'its private key (mode 0600): --key',
  'cluster.json': 'the list of nodes, the same on every server: --cluster',
  'cluster.key': 'the key that servers share (mode 0600): --cluster-key',
} as const

const nodePurposes = {
  'node-ca.pem': 'the authority of session nodes and servers among themselves: --node-ca',
  'node.pem': 'the certificate, for every session node and server: --node-cert',
  'node.key': 'its private key (mode 0600): --node-key',
} as const

/** Writes all that servers and clients of a new cluster need. Overwrites nothing. */
export async function makeClusterDirectory({
  directory,
  host,
  urls,
  nodeTls = false,
}: NewCluster): Promise<readonly MadeFile[]> {
  const files = { ...purposes, ...(nodeTls ? nodePurposes : {}) }
  refuseToOverwrite(directory, Object.keys(files))
  orRefuse(directory, () => makeDirectory(resolve(directory)))
  const { random, now } = createSecureContext()
  const hosts = [...new Set([host, 'localhost', '127.0.0.1', '::1'])]
  const nowMs = now()
  const ca = await makeCertificateAuthority({ commonName: 'ringtls demo authority', nowMs, validDays })
  const server = await makeServerCertificate({ ca, hosts, nowMs, validDays })
  const contents: Record<keyof typeof purposes, string> & Partial<NodeContents> = {
    'ca.pem': ca.certificatePem,
    'server.pem': server.certificatePem,
    'server.key': server.keyPem,
    'cluster.json': clusterInfoText(urls),
    'cluster.key': makeClusterKeys({ random, nowMs }),
    ...(nodeTls ? await nodeContents(hosts, nowMs) : {}),
  }
  orRefuse(directory, () => writeAll(directory, contents))
  return Object.entries(files).map(([name, purpose]) => ({ name, purpose }))
}

type NodeContents = Record<keyof typeof nodePurposes, string>

/** An authority of their own: whoever has a certificate for clients of the public port is nobody among the nodes. */
async function nodeContents(hosts: readonly string[], nowMs: number): Promise<NodeContents> {
  const ca = await makeCertificateAuthority({ commonName: 'ringtls node authority', nowMs, validDays })
  const node = await makeNodeCertificate({ ca, hosts, nowMs, validDays })
  return { 'node-ca.pem': ca.certificatePem, 'node.pem': node.certificatePem, 'node.key': node.keyPem }
}

function refuseToOverwrite(directory: string, names: readonly string[]): void {
  const there = names.filter(name => existsSync(join(directory, name)))
  if (there.length > 0) {
    throw new UsageError(
      `${directory}: has ${there.join(', ')} already, and init overwrites nothing; choose another directory`,
    )
  }
}

function clusterInfoText(urls: readonly string[]): string {
  const nodes = urls.map((url, i) => ({ id: `n${i + 1}`, url }))
  return `${JSON.stringify({ revision: 1, placement: urls.length <= maxRendezvousNodes ? 'rendezvous' : 'ring', replicas: 1, nodes }, undefined, 2)}\n`
}

/** mkdir -p, but not Node's: that one never returns where a parent takes no directory, as /proc does. */
function makeDirectory(path: string): void {
  if (existsSync(path)) return
  const parent = dirname(path)
  if (!existsSync(parent)) makeDirectory(parent)
  mkdirSync(path)
}

function writeAll(directory: string, contents: Readonly<Record<string, string>>): void {
  for (const [name, text] of Object.entries(contents)) {
    const mode = name.endsWith('.key') ? 0o600 : 0o644
    writeFileSync(join(directory, name), text, { mode, flag: 'wx' })
  }
}

function orRefuse(directory: string, write: () => void): void {
  try {
    write()
  } catch (error) {
    if (errnoOf(error) === '') throw error
    throw new UsageError(`${directory}: cannot be written: ${fileReason(error)}`)
  }
}
