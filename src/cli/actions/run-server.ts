import {
  type ClusterLog,
  type ClusterMember,
  ClusterMetrics,
  type EngineMember,
  joinCluster,
} from '../../cluster/index.ts'
import {
  createSecureContext,
  createServer,
  type Server,
  type ServerOptions,
  type TLSSocket,
} from '../../node/index.ts'
import { echo } from '../apps/echo.ts'
import { answerHttp } from '../apps/http.ts'
import { readAnchors, readCertificates, readStaples } from '../certificate-files.ts'
import { type ClusterFiles, readClusterFiles, startSessionNode } from '../cluster-files.ts'
import { followClusterFiles } from '../cluster-reload.ts'
import type { ServerFlags } from '../commands/server.ts'
import { joinNamedEngine } from '../engine-store.ts'
import { UsageError } from '../failures.ts'
import { appendSecretFile } from '../files.ts'
import { handshakeFailedEvent, printedHandshake } from '../handshake-event.ts'
import { listen, printedListening } from '../listening.ts'
import { createLog } from '../logging.ts'
import { warnOfNodeCertificate } from '../node-certificates.ts'
import { addressText } from '../options.ts'
import { createOutput, type Output, type Printed, roundMs } from '../output.ts'
import { openStatusPort } from '../status-port.ts'
import { stopGraceMs, stopSignal, withinGrace } from '../stopping.ts'
import { tlsOptions } from '../tls-flags.ts'

/** The server's part in a cluster, wherever its sessions live. */
type Member = ClusterMember | EngineMember

/** Serves until it is told to stop. */
export async function runServer(flags: ServerFlags): Promise<void> {
  const log = createLog(flags)
  const output = createOutput({ json: flags.json, log: flags.logLevel && log })
  const context = createSecureContext()
  const options = serverOptions(flags)
  const engine = await joinNamedEngine(flags, context, { output, log })
  const files = engine ? undefined : readClusterFiles(flags, context, output)
  const hasStore = flags.store !== false
  if (files) warnOfNodeCertificate(files, { isServer: true, hasStore }, output)
  const metrics = new ClusterMetrics(context)
  const cluster = files && join(files, flags, log)
  const member = engine ?? cluster
  const server = createServer({
    ...options,
    ...(member ? { sessionCache: member.sessionCache } : {}),
  })
  if (flags.keylog !== undefined) {
    const keylog = appendSecretFile(flags.keylog, '--keylog')
    server.on('keylog', (line: Buffer) => keylog.write(line))
  }
  const tally = tell(server, { flags, output, log, metrics })
  metrics.watchProcess()
  if (member) metrics.watchMember(member)
  const sockets = serve(server, flags)
  const membership = cluster?.membership
  const followed = files ?? (engine && { keys: engine.keys, keyPath: flags.clusterKey! })
  const stopFollowing =
    followed && followClusterFiles(followed, membership, context, { output, log: flags.logLevel && log })
  const started =
    files && membership && hasStore
      ? await startSessionNode(files, context, { membership, metrics, log })
      : undefined
  // Before 'listening': no client pays for the first connections.
  await member?.warmUp()
  const requestsOf = () => (engine?.engine ?? cluster?.store)?.counters.requests ?? 0
  const warmUpRequests = requestsOf()
  const address = await listen(server, flags.listen, 'choose another with --listen (port 0 takes a free one)')
  const status = await openStatusPort(flags.metrics, { metrics, membership, files }, { ...context, output })
  const stopped = stopSignal()
  log.info({ ...address }, 'server listens')
  output.print(printedListening(address))
  await stopped
  stopFollowing?.()
  log.info({ ...tally }, 'server shuts down')
  status.drain()
  server.close()
  await Promise.all([member?.sessionCache.flush(stopGraceMs), closeAll(sockets)])
  await Promise.all([member?.close(0), started?.node.close(stopGraceMs)])
  await status.close()
  const requests = requestsOf() - warmUpRequests
  output.print(printedStop({ node: flags.node, tally, member, requests }))
}

function serverOptions(flags: ServerFlags): ServerOptions {
  const { ttl, lookupTimeout, ocspResponse, keyWorkers, preferClientOrder = false } = flags
  const certificates = readCertificates(flags.cert, flags.key)
  return {
    ...tlsOptions(flags),
    ...certificates,
    ...clientOptions(flags),
    keyWorkers,
    ...(ocspResponse && { ocspResponse: readStaples(ocspResponse, certificates) }),
    honorCipherOrder: !preferClientOrder,
    ...(ttl === undefined ? {} : { sessionTimeout: ttl }),
    ...(lookupTimeout === undefined ? {} : { lookupTimeout }),
  }
}

/** With `request` whoever comes is let in: the application sees who verifies and who does not. */
function clientOptions({ clientAuth, clientCa }: ServerFlags): Partial<ServerOptions> {
  if (clientAuth === 'require' && clientCa === undefined)
    throw new UsageError(
      '--client-auth require needs --client-ca FILE with the authorities of client certificates',
    )
  if (clientAuth === 'none' && clientCa !== undefined)
    throw new UsageError('--client-ca is of no use without --client-auth request or require: add it')
  return {
    requestCert: clientAuth !== 'none',
    rejectUnauthorized: clientAuth === 'require',
    ...(clientCa === undefined ? {} : { ca: readAnchors(clientCa, '--client-ca') }),
  }
}

function join(
  { info, keys, nodeId, tls }: ClusterFiles,
  { lookupTimeout, ttl }: ServerFlags,
  log: ClusterLog,
): ClusterMember {
  const { provider, random, now } = createSecureContext()
  const limits = lookupTimeout === undefined ? {} : { readTimeoutMs: lookupTimeout }
  const memory = ttl === undefined ? {} : { memoryMs: ttl * 1000 }
  return joinCluster({ info, keys, nodeId, provider, random, now, limits, tls, log, ...memory })
}

/** Everybody who hears of handshakes. */
interface ToldTo {
  readonly output: Output
  readonly log: ClusterLog
  readonly metrics: ClusterMetrics
}

/** What a server has done. */
interface Tally {
  handshakes: number
  resumed: number
  failed: number
}

/** Prints every handshake, logs it, and counts it, here and for operators. */
function tell(
  server: Server,
  { flags, output, log, metrics }: ToldTo & { readonly flags: ServerFlags },
): Tally {
  metrics.watchHandshakes()
  const tally: Tally = { handshakes: 0, resumed: 0, failed: 0 }
  server.on('secureConnection', ({ handshake }: TLSSocket) => {
    if (!handshake) return
    tally.handshakes++
    if (handshake.resumed) tally.resumed++
    output.print(printedHandshake(handshake, flags.node))
    const { resumed, reason, owner, lookupMs, ms } = handshake
    metrics.countHandshake(reason)
    if (lookupMs !== undefined) metrics.countLookup(reason, lookupMs)
    log.debug({ resumed, reason, owner, ms: roundMs(ms) }, 'handshake')
  })
  server.on('tlsClientError', (error: Error, { transport }: TLSSocket) => {
    // A balancer's health check, or a browser's connection to spare: nobody began a handshake.
    if ('bytesRead' in transport && transport.bytesRead === 0) return
    tally.failed++
    metrics.countFailure()
    const json = handshakeFailedEvent(error)
    output.print({ json })
    log.info({ code: json.code, reason: json.message }, 'handshake failed')
    if (!output.isJson && flags.logLevel === undefined)
      output.note(`handshake failed: ${json.code}: ${json.message}`)
  })
  return tally
}

/** Runs the application on every connection; returns those that are open. */
function serve(server: Server, { app, node, listen: { host } }: ServerFlags): ReadonlySet<TLSSocket> {
  const sockets = new Set<TLSSocket>()
  server.on('secureConnection', (socket: TLSSocket) => {
    sockets.add(socket)
    socket.once('close', () => sockets.delete(socket))
    // A client that goes away in the middle of something has ended its own connection, and no more.
    socket.on('error', () => {})
    if (app === 'echo') echo(socket)
    else answerHttp(socket, node ?? addressText({ host, port: socket.localPort ?? 0 }))
  })
  return sockets
}

/** Ends every connection with close_notify, and waits for the clients a little. */
async function closeAll(sockets: ReadonlySet<TLSSocket>): Promise<void> {
  const closed = [...sockets].map(socket => new Promise<void>(resolve => socket.once('close', resolve)))
  for (const socket of sockets) socket.end()
  await withinGrace(Promise.all(closed))
  for (const socket of sockets) socket.destroy()
}

interface Stopped {
  readonly node: string | undefined
  readonly tally: Tally
  readonly member: Member | undefined
  /** To session nodes, or to the engine. */
  readonly requests: number
}

/** Says what was done, and what it cost where sessions live. An ID that is not the cluster's costs nothing there. */
function printedStop({ node, tally, member, requests }: Stopped): Printed {
  const { lookups = {}, store_put_total: puts = {} } = member?.sessionCache.counters ?? {}
  const asked = sum(lookups, ['foreign_id', 'epoch'])
  const stored = sum(puts, ['unstorable'])
  const who = member && 'engine' in member ? member.engine.name : 'session nodes'
  const told = `; ${requests} requests to ${who}, for ${asked} look-ups and ${stored} new sessions`
  return {
    json: { event: 'stopped', ...{ node: node ?? null, ...tally, requests, lookups: asked, puts: stored } },
    text:
      `stopped after ${tally.handshakes} handshakes, ${tally.resumed} of them resumed, and ${tally.failed} that failed` +
      (member ? told : ''),
  }
}

function sum(totals: Readonly<Record<string, number>>, except: readonly string[]): number {
  return Object.entries(totals).reduce(
    (total, [name, count]) => (except.includes(name) ? total : total + count),
    0,
  )
}
