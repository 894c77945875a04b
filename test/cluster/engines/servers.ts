/** Real engines on ports of loopback, nothing kept on disk; who starts one closes it. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '../../support/free-ports.ts'
import { PeerProcess } from '../../support/peers.ts'
import type { Openings } from '../support.ts'

/** Longer than any test file takes. */
const deadlineMs = 120_000

export type RedisProgram = 'redis-server' | 'valkey-server'

/** A server of an engine in a process of its own. */
export interface EngineProcess {
  readonly port: number
  readonly process: PeerProcess
  /** `127.0.0.1:port`. */
  readonly address: string
}

/** A server on a free port, tried three times since the port may be taken meanwhile. */
async function start(
  openings: Openings,
  attempt: (port: number) => Promise<PeerProcess>,
  attempts = 3,
): Promise<EngineProcess> {
  const port = await freePort()
  try {
    const process = await attempt(port)
    openings.add(() => end(process))
    return { port, process, address: `127.0.0.1:${port}` }
  } catch (error) {
    if (attempts > 1) return start(openings, attempt, attempts - 1)
    throw error
  }
}

async function end(process: PeerProcess): Promise<void> {
  process.kill()
  await process.ended().catch(() => {})
}

/** A Redis or Valkey; `args` such as `--requirepass`. */
export function startRedis(
  openings: Openings,
  args: readonly string[] = [],
  program: RedisProgram = 'redis-server',
): Promise<EngineProcess> {
  return start(openings, port => runRedis(openings, port, args, { program }))
}

export interface RedisStart {
  readonly program?: RedisProgram
  /** What it says once it is as far as wanted: ready, by default. */
  readonly said?: RegExp
}

/** The same on a port that is known: a server that comes back. */
export async function runRedis(
  openings: Openings,
  port: number,
  args: readonly string[] = [],
  { program = 'redis-server', said = /Ready to accept connections/ }: RedisStart = {},
): Promise<PeerProcess> {
  const where = ['--port', String(port), '--bind', '127.0.0.1', '--dir', temporaryDirectory(openings)]
  const common = [...where, '--save', '', '--appendonly', 'no', '--daemonize', 'no']
  const process = new PeerProcess(program, [...common, ...args], { deadlineMs })
  try {
    await process.said(said)
    return process
  } catch (error) {
    await end(process)
    throw error
  }
}

/** Three masters that share the slots, without replicas. */
export async function startRedisCluster(
  openings: Openings,
  args: readonly string[] = [],
  program: RedisProgram = 'redis-server',
): Promise<readonly EngineProcess[]> {
  const masters: EngineProcess[] = []
  const nodes: string[] = []
  for (let i = 0; i < 3; i++) {
    const bus = await freePort()
    const quick = ['--cluster-node-timeout', '500', '--cluster-port', String(bus)]
    const node = await startRedis(openings, ['--cluster-enabled', 'yes', ...quick, ...args], program)
    masters.push(node)
    nodes.push(`${node.address}@${bus}`)
  }
  await redisCli(['--cluster', 'create', ...nodes, '--cluster-yes'])
  for (const { port } of masters) {
    await redisCliUntil(port, ['CLUSTER', 'INFO'], said => said.includes('cluster_state:ok'))
  }
  return masters
}

/** A master, a replica of it, and a sentinel that watches the two. */
export interface Sentinels {
  readonly master: EngineProcess
  readonly replica: EngineProcess
  readonly sentinel: EngineProcess
}

export async function startSentinels(
  openings: Openings,
  program: RedisProgram = 'redis-server',
): Promise<Sentinels> {
  const master = await startRedis(openings, [], program)
  const replica = await startRedis(openings, ['--replicaof', '127.0.0.1', String(master.port)], program)
  const configuration = join(temporaryDirectory(openings), 'sentinel.conf')
  const sentinel = await start(openings, async port => {
    const lines = [
      ...[`port ${port}`, 'bind 127.0.0.1', `sentinel monitor mymaster 127.0.0.1 ${master.port} 1`],
      ...['sentinel down-after-milliseconds mymaster 500', 'sentinel failover-timeout mymaster 5000', ''],
    ]
    writeFileSync(configuration, lines.join('\n'))
    const process =
      program === 'redis-server'
        ? new PeerProcess('redis-sentinel', [configuration], { deadlineMs })
        : new PeerProcess(program, [configuration, '--sentinel'], { deadlineMs })
    await process.said(/\+monitor master mymaster/)
    return process
  })
  await redisCliUntil(sentinel.port, ['SENTINEL', 'REPLICAS', 'mymaster'], said =>
    said.includes(String(replica.port)),
  )
  await redisCliUntil(replica.port, ['INFO', 'replication'], said => said.includes('master_link_status:up'))
  return { master, replica, sentinel }
}

/** A memcached; `args` such as `-I`. */
export function startMemcached(openings: Openings, args: readonly string[] = []): Promise<EngineProcess> {
  return start(openings, port => runMemcached(port, args))
}

export async function runMemcached(port: number, args: readonly string[] = []): Promise<PeerProcess> {
  const common = ['-l', '127.0.0.1', '-p', String(port), '-U', '0', '-u', 'nobody', '-t', '1', '-vv']
  const process = new PeerProcess('memcached', [...common, ...args], { deadlineMs })
  try {
    await process.said(/server listening/)
    return process
  } catch (error) {
    await end(process)
    throw error
  }
}

/** What redis-cli says to a command; rejects when it fails. */
export async function redisCli(args: readonly string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await new PeerProcess('redis-cli', args, {
    input: '',
    deadlineMs,
  }).ended()
  if (exitCode !== 0) throw new Error(`redis-cli ${args.join(' ')}: ${stdout}${stderr}`)
  return stdout
}

/** Asks again until the answer is as wanted, for 20 seconds. */
export async function redisCliUntil(
  port: number,
  command: readonly string[],
  isWanted: (said: string) => boolean,
): Promise<void> {
  let said = ''
  for (let tries = 0; tries < 200; tries++) {
    said = await redisCli(['-p', String(port), ...command]).catch(String)
    if (isWanted(said)) return
    await new Promise(resolve => setTimeout(resolve, 100))
  }
  throw new Error(`redis-cli ${command.join(' ')} still says: ${said}`)
}

/** Sends one line to memcached in its text protocol, and reads until `end`. */
export function askMemcached(port: number, line: string, end: RegExp): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, '127.0.0.1', () => socket.write(`${line}\r\n`))
    let said = ''
    socket
      .setEncoding('latin1')
      .setTimeout(10_000, () => socket.destroy(new Error(`memcached said only: ${said}`)))
    socket.on('error', reject)
    socket.on('data', (text: string) => {
      said += text
      if (!end.test(said)) return
      socket.destroy()
      resolve(said)
    })
  })
}

/** A name that leads to a server: where to can be changed, and the connections there are can be made to fall silent. */
export interface Detour {
  readonly address: string
  /** Where new connections lead. */
  port: number
  /** From now on nothing gets through on the connections that there are, and nobody is told. */
  silence(): void
}

export async function startDetour(openings: Openings, port: number): Promise<Detour> {
  const sockets = new Set<Socket>()
  const server = createServer(near => {
    const far = connect(detour.port, '127.0.0.1')
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      sockets.add(socket)
      socket.on('error', () => {}).on('close', () => other.destroy())
      socket.pipe(other)
    }
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  openings.add(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise(resolve => server.close(resolve))
  })
  const address = server.address()
  const detour = {
    address: `127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    port,
    silence: () => {
      for (const socket of sockets) socket.unpipe().resume()
    },
  }
  return detour
}

function temporaryDirectory(openings: Openings): string {
  const directory = mkdtempSync(join(tmpdir(), 'ringtls-engine-'))
  openings.add(async () => rmSync(directory, { recursive: true, force: true }))
  return directory
}
