/** Three `ringtls server` processes that share a cluster, and a view of where its sessions are. */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fromHex } from '../../src/bytes.ts'
import {
  type Event,
  makeCluster,
  startServers,
  temporaryDirectory,
  untilStored,
} from '../support/processes.ts'
import { fixturePath } from './support.ts'

/** Two busy cores: what is meant to be found must not be late. */
const lookupTimeoutMs = 5000

/** A server process, with the node of the cluster that it is. */
export interface OwnNode {
  readonly id: string
  readonly port: number
  /** Takes the next handshake that it reported, waiting for it. */
  nextHandshake(): Promise<Event>
}

export interface OwnCluster {
  readonly nodes: readonly OwnNode[]
  readonly caFile: string
  /** Where all three log their keys. */
  readonly keylogFile: string
  /** Waits until the owner of a session has it: the servers themselves wait for nobody. @param id hexadecimal */
  untilKept(id: string): Promise<void>
  stop(): Promise<void>
}

/** Starts nodes n1, n2 and n3 with the files that `ringtls init` makes, and an ECDSA certificate beside the RSA one of those. */
export async function startOwnCluster(): Promise<OwnCluster> {
  const keylogFile = join(temporaryDirectory(), 'keys.log')
  const files = await makeCluster(3)
  const ecdsa = ['--cert', fixturePath('ec.pem'), '--key', fixturePath('ec.key')]
  const flags = [...ecdsa, '--lookup-timeout', String(lookupTimeoutMs), '--keylog', keylogFile]
  const caFile = join(temporaryDirectory(), 'authorities.pem')
  writeFileSync(
    caFile,
    [files.file('ca.pem'), fixturePath('ec-ca.pem')].map(file => readFileSync(file)).join(''),
  )
  const servers = await startServers(3, flags, files)

  return {
    nodes: servers.map(({ node, port, event }) => {
      let taken = 0
      return { id: node!, port, nextHandshake: () => event('handshake', ++taken) }
    }),
    caFile,
    keylogFile,
    untilKept: id => untilStored(files, fromHex(id)),
    stop: async () => {
      await Promise.all(servers.map(server => server.stop()))
    },
  }
}
