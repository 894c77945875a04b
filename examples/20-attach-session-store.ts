/**
 * For who stays on node:tls: two plain https servers that share their sessions through a cluster's session nodes. A
 * client that did its full handshake with one resumes at the other, and a store that is gone costs it nothing but that.
 *
 *     npx ringtls init pki && npx tsx examples/20-attach-session-store.ts
 *
 * Each server would be a process on a machine of its own. What they must have alike is in `terms`.
 */
import { constants, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer as createHttpsServer, get } from 'node:https'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { join } from 'node:path'
import {
  attachSessionStore,
  createSessionNode,
  joinCluster,
  membershipOf,
  parseClusterInfo,
  readClusterKeys,
} from 'ringtls/cluster'
import { nobleProvider as provider } from 'ringtls/providers/noble'

const file = (name: string) => join(process.env.RINGTLS_PKI ?? 'pki', name)
const [cert, key, ca] = [file('server.pem'), file('server.key'), file('ca.pem')].map(path =>
  readFileSync(path),
)

const random = (length: number) => new Uint8Array(randomBytes(length))
const now = Date.now
const { keys } = readClusterKeys(file('cluster.key'), { provider, nowMs: now() })

// In a cluster this is cluster.json; here two nodes on ports that are free.
const ports = await Promise.all([freePort(), freePort()])
const nodes = ports.map((port, i) => ({ id: `n${i + 1}`, url: `http://127.0.0.1:${port}` }))
const info = parseClusterInfo(JSON.stringify({ revision: 1, nodes }), 'cluster.json')
const sessionNodes = nodes.map(({ id: nodeId }) =>
  createSessionNode({ membership: membershipOf(info, provider), nodeId, keys, provider, now }),
)
for (const [i, node] of sessionNodes.entries()) await node.listen('127.0.0.1', ports[i]!)

const terms = {
  ...{ cert: cert!, key: key! },
  // A session in a ticket does not go to the store; and of TLS 1.3 it is the ticket alone that resumes.
  ...{ secureOptions: constants.SSL_OP_NO_TICKET, maxVersion: 'TLSv1.2' as const },
  // node:tls makes it of process.argv, which differs between servers.
  sessionIdContext: 'www.example.test',
}

/** A server that knows nothing of ringtls but this one call. */
async function startServer(name: string) {
  const server = createHttpsServer(terms, (_, response) => response.end(`${name} answers`))
  // A look-up has 50 ms by default. Here everybody shares one machine, and must be found.
  const member = joinCluster({ info, keys, provider, random, now, limits: { readTimeoutMs: 5000 } })
  await member.warmUp()
  attachSessionStore(server, member, { lookupTimeoutMs: 5000 })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { server, member, port: (server.address() as AddressInfo).port }
}

/** One request on a connection of its own, with the session of an earlier one. */
async function visit(port: number, session?: Buffer): Promise<Buffer> {
  const options = {
    port,
    host: 'localhost',
    family: 4,
    ca: ca!,
    agent: false,
    ...(session ? { session } : {}),
  }
  const request = get(options as object)
  const [response] = await once(request, 'response')
  const { socket } = response
  let body = ''
  for await (const chunk of response) body += chunk
  console.log(`${body}: ${socket.isSessionReused() ? 'resumed' : 'full handshake'}`)
  return socket.getSession()
}

const [one, two] = [await startServer('one'), await startServer('two')]

const session = await visit(one.port)
// Nobody waits for a session to be stored; a client that is faster than that just has another full handshake.
await one.member.sessionCache.flush(5000)
await visit(two.port, session)
await visit(one.port, session)

// The store is gone: no error at the client.
for (const node of sessionNodes) await node.close()
await visit(two.port, session)

for (const { server, member } of [one, two]) {
  server.close()
  await member.close()
}

async function freePort(): Promise<number> {
  const server = createTcpServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  return port
}
