/** The built binary in processes of its own: clusters of servers, and commands that run to their end. */
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { afterAll, vi } from 'vitest'
import { joinCluster, readClusterInfo, readClusterKeys } from '../../src/cluster/index.ts'
import { createSecureContext } from '../../src/node/index.ts'
import { freePorts } from './free-ports.ts'

/** `npm test` builds it first. */
export const binary = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

/** Long enough for a machine with two busy cores. */
const timeoutMs = 20_000

const children = new Set<ChildProcess>()
const directories: string[] = []

afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

/** A directory of the test file's own, removed after its last test. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'ringtls-test-'))
  directories.push(directory)
  return directory
}

/** How a command ended, and all it said. */
export interface Ended {
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** What is piped in; by default its input is /dev/null. */
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** After which it is killed; 20 s by default. */
  readonly deadlineMs?: number
}

/** Runs `ringtls ...args` to its end. */
export async function run(
  args: readonly string[],
  { input, env = {}, cwd, deadlineMs = timeoutMs }: RunOptions = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [binary, ...args], {
    stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
    timeout: deadlineMs,
  })
  children.add(child)
  child.stdin?.end(input)
  const [stdout, stderr, exitCode] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    exitOf(child),
  ])
  children.delete(child)
  return { exitCode, stdout, stderr }
}

/** The objects that a command with `--json` printed. */
export function jsonLines(stdout: string): Event[] {
  return stdout
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line) as Event)
}

/** One line of `--json`. */
export type Event = { readonly event: string } & Readonly<Record<string, unknown>>

/** A `ringtls server --json` or `session-node --json` that is listening. */
export interface ServerUnderTest {
  readonly host: string
  readonly port: number
  /** `host:port`. */
  readonly address: string
  /** Its node ID, where it has one. */
  readonly node: string | undefined
  readonly process: ChildProcess
  /** All it has printed so far. */
  readonly events: readonly Event[]
  /** Waits for the `count`th event of a kind, the first by default. */
  event(kind: string, count?: number): Promise<Event>
  /** What it said on stderr so far. */
  stderr(): string
  /** Sends a signal, SIGTERM by default; resolves to the exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>
}

/** Starts `ringtls ...args --json` and waits until it listens. Killed after the file's last test, if not before. */
export async function startListening(args: readonly string[]): Promise<ServerUnderTest> {
  const child = spawn(process.execPath, [binary, ...args, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] })
  children.add(child)
  const events: Event[] = []
  let stderr = ''
  let wake = () => {}
  child.stderr.on('data', chunk => {
    stderr += chunk
  })
  createInterface(child.stdout).on('line', line => {
    events.push(JSON.parse(line) as Event)
    wake()
  })
  const exited = exitOf(child)
  child.once('close', () => wake())
  const event = async (kind: string, count = 1): Promise<Event> => {
    const deadlineMs = Date.now() + timeoutMs
    for (;;) {
      const found = events.filter(event => event.event === kind)[count - 1]
      if (found) return found
      if (child.exitCode !== null || Date.now() > deadlineMs)
        throw new Error(`no ${kind}; it said: ${stderr}`)
      await new Promise<void>(resolve => {
        wake = resolve
        setTimeout(resolve, 100)
      })
    }
  }
  const { host, port } = (await event('listening')) as unknown as { host: string; port: number }
  const at = args.indexOf('--node')
  return {
    ...{ host, port, address: host.includes(':') ? `[${host}]:${port}` : `${host}:${port}` },
    ...{ node: at < 0 ? undefined : args[at + 1], process: child, events, event, stderr: () => stderr },
    stop: signal => {
      child.kill(signal ?? 'SIGTERM')
      return exited
    },
  }
}

/** The files of a cluster, as `ringtls init` writes them, with ports that are free. */
export interface ClusterUnderTest {
  readonly directory: string
  /** Path of a file of it. */
  file(name: string): string
  /** `--cert F --key F`. */
  readonly certificateArgs: readonly string[]
  /** `--cluster F --cluster-key F`. */
  readonly clusterArgs: readonly string[]
}

/** Makes the files of a cluster with nodes n1 to n`nodes`. */
export async function makeCluster(nodes: number): Promise<ClusterUnderTest> {
  const directory = join(temporaryDirectory(), 'pki')
  const { exitCode, stderr } = await run(['init', directory, '--nodes', String(nodes)])
  if (exitCode !== 0) throw new Error(`init: ${stderr}`)
  const file = (name: string) => join(directory, name)
  const info = JSON.parse(readFileSync(file('cluster.json'), 'utf8')) as { nodes: { url: string }[] }
  const ports = await freePorts(nodes)
  for (const [i, node] of info.nodes.entries()) node.url = `http://127.0.0.1:${ports[i]}`
  writeFileSync(file('cluster.json'), JSON.stringify(info))
  return {
    directory,
    file,
    certificateArgs: ['--cert', file('server.pem'), '--key', file('server.key')],
    clusterArgs: ['--cluster', file('cluster.json'), '--cluster-key', file('cluster.key')],
  }
}

/**
 * Starts servers n1 to n`count` of one cluster, each with its session store, on free ports of 127.0.0.1.
 * The look-up budget is one that busy cores keep to; `extraArgs` may name another.
 */
export async function startServers(
  count: number,
  extraArgs: readonly string[] = [],
  cluster?: ClusterUnderTest,
): Promise<(ServerUnderTest & { readonly cluster: ClusterUnderTest })[]> {
  const files = cluster ?? (await makeCluster(count))
  const common = ['server', '--listen', '127.0.0.1:0', ...files.certificateArgs, ...files.clusterArgs]
  const args = [...common, '--lookup-timeout', '2000', ...extraArgs]
  const ids = Array.from({ length: count }, (_, i) => `n${i + 1}`)
  const servers = await Promise.all(ids.map(id => startListening([...args, '--node', id])))
  return servers.map(server => ({ ...server, cluster: files }))
}

export function exitOf(child: ChildProcess): Promise<number | null> {
  return new Promise((resolve, reject) => {
    child.once('close', code => {
      children.delete(child)
      resolve(code)
    })
    child.once('error', reject)
  })
}

export async function textOf(stream: NodeJS.ReadableStream | null): Promise<string> {
  const chunks: Buffer[] = []
  for await (const chunk of stream ?? []) chunks.push(chunk as Buffer)
  return Buffer.concat(chunks).toString('utf8')
}

/** Waits until the owner of a session has it: the server that made it waits for nobody, and says nothing of it. */
export async function untilStored(cluster: ClusterUnderTest, sessionId: Uint8Array): Promise<void> {
  const { provider, random, now } = createSecureContext()
  const info = readClusterInfo(cluster.file('cluster.json'))
  const { keys } = readClusterKeys(cluster.file('cluster.key'), { provider, nowMs: now() })
  const observer = joinCluster({ info, keys, provider, random, now, limits: { readTimeoutMs: timeoutMs } })
  try {
    await vi.waitFor(
      async () => {
        const found = await observer.sessionCache.load(sessionId, AbortSignal.timeout(timeoutMs))
        if (!('session' in found)) throw new Error(`the session is not where it belongs: ${found.miss}`)
        found.session.masterSecret.wipe()
      },
      { timeout: timeoutMs, interval: 5 },
    )
  } finally {
    await observer.close(0)
  }
}
