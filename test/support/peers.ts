/** The TLS programs that others wrote: whether they are here, running them as clients, starting them as servers. */
import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from 'node:child_process'
import { accessSync, constants, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished, test } from 'vitest'
import { freePort } from './free-ports.ts'

/** Programs of Debian's packages, by the name they have on the PATH. */
export type Program =
  | 'openssl'
  | 'curl'
  | 'gnutls-cli'
  | 'gnutls-serv'
  | 'certutil'
  | 'pk12util'
  | 'tstclnt'
  | 'selfserv'
  | 'chromium'
  | 'firefox-esr'
  | 'haproxy'
  | 'nginx'
  | 'redis-server'
  | 'redis-sentinel'
  | 'redis-cli'
  | 'memcached'
  | 'dovecot'
  | 'vsftpd'
/** Libraries, in small programs of our own around them: `npm run setup:peers` builds test/interop/peers. */
export type Library = 'go' | 'java' | 'rustls'
/** Programs that Debian does not have: `npm run setup:peers` leaves them beside those it builds. */
export type Fetched = 'valkey-server' | 'node-22' | 'node-24'
export type Peer = Program | Library | Fetched
/** What answers over the network: there is no program to run. */
export type Service = 'npm-registry'

/** Where setup:peers leaves what it built. */
const built = process.env.RINGTLS_PEERS ?? fileURLToPath(new URL('../../build/peers', import.meta.url))

/** The program of a peer, the arguments it begins with, and the file that must be there too. */
function commandOf(peer: Peer): { program: string; first: readonly string[]; file?: string } {
  if (peer === 'java')
    return { program: peer, first: ['-cp', built, 'Peer'], file: join(built, 'Peer.class') }
  if (peer === 'go' || peer === 'rustls' || isFetched(peer)) return { program: join(built, peer), first: [] }
  return { program: peer, first: [] }
}

function isFetched(peer: Peer): peer is Fetched {
  return peer === 'valkey-server' || peer === 'node-22' || peer === 'node-24'
}

/** Long enough for two busy cores; who takes longer hangs. */
const defaultDeadlineMs = 15_000

/**
 * Declares tests that talk to a foreign program. Where it is missing they become one test that is skipped
 * and says so, or that fails when RINGTLS_REQUIRE_PEERS=1.
 */
export function needs(peer: Peer | Service, declare: () => void): void {
  if (isHere(peer)) {
    declare()
  } else if (process.env.RINGTLS_REQUIRE_PEERS === '1') {
    test(`needs ${peer}, see npm run setup:peers`, () => {
      throw new Error(
        `${peer} is not on the PATH, not built or does not answer, and RINGTLS_REQUIRE_PEERS=1 asks for it`,
      )
    })
  } else {
    test.skip(`skipped: needs ${peer}, see npm run setup:peers`, () => {})
  }
}

function isHere(peer: Peer | Service): boolean {
  if (peer === 'npm-registry') return doesRegistryAnswer()
  const { program, file } = commandOf(peer)
  const directories = isAbsolute(program) ? [''] : (process.env.PATH ?? '').split(delimiter)
  const isProgram = directories.some(directory => isAccessible(join(directory, program), constants.X_OK))
  return isProgram && (file === undefined || isAccessible(file, constants.R_OK))
}

function doesRegistryAnswer(): boolean {
  const args = ['ping', '--fetch-retries=0', '--fetch-timeout=5000']
  return spawnSync('npm', args, { stdio: 'ignore', timeout: 20_000 }).status === 0
}

function isAccessible(file: string, mode: number): boolean {
  try {
    accessSync(file, mode)
    return true
  } catch {
    return false
  }
}

export interface PeerOptions {
  /** Written to its standard input at once, which then ends; without it the input stays open. */
  readonly input?: string | Uint8Array
  /** More environment. */
  readonly env?: Readonly<Record<string, string>>
  readonly deadlineMs?: number
  /** It starts workers of its own, which a kill must reach too. */
  readonly hasWorkers?: boolean
}

/** How a foreign program ended, and all it said. */
export interface Outcome {
  /** null when a signal ended it. */
  readonly exitCode: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A foreign program in a process of its own. It does not outlive its deadline, nor the test that started it. */
export class PeerProcess {
  readonly #name: string
  readonly #child: ChildProcessWithoutNullStreams
  readonly #ended: Promise<Outcome>
  readonly #timer: NodeJS.Timeout
  readonly #hasWorkers: boolean
  #stdout = ''
  #stderr = ''
  /** Why there will be no more output. */
  #end: string | undefined
  #waiting: (() => void)[] = []

  constructor(peer: Peer, args: readonly string[], options: PeerOptions = {}) {
    const { input, env, deadlineMs, hasWorkers = false } = options
    this.#name = peer
    this.#hasWorkers = hasWorkers
    const { program, first } = commandOf(peer)
    // Detached it leads a process group, which its workers are in.
    this.#child = spawn(program, [...first, ...args], {
      env: { ...process.env, LC_ALL: 'C', ...env },
      detached: hasWorkers,
    })
    this.#child.stdout.setEncoding('latin1').on('data', (text: string) => {
      this.#stdout += text
      this.#wake()
    })
    this.#child.stderr.setEncoding('latin1').on('data', (text: string) => {
      this.#stderr += text
      this.#wake()
    })
    // A program that ends before it has read its input tells by its exit code, not by our pipe.
    this.#child.stdin.on('error', () => {})
    if (input !== undefined) this.#child.stdin.end(input)
    const ms = deadlineMs ?? defaultDeadlineMs
    this.#timer = setTimeout(() => {
      this.#end ??= `did not end within ${ms} ms`
      this.kill()
    }, ms)
    this.#ended = new Promise(resolve => {
      const finish = (exitCode: number | null, reason: string) => {
        clearTimeout(this.#timer)
        this.#end ??= reason
        this.#wake()
        resolve({ exitCode, stdout: this.#stdout, stderr: this.#stderr })
      }
      this.#child.once('close', (code, signal) => finish(code, `ended with ${signal ?? `exit code ${code}`}`))
      this.#child.once('error', error => finish(null, error.message))
    })
  }

  /** All it has said so far, standard output first. */
  get output(): string {
    return this.#stdout + this.#stderr
  }

  write(text: string | Uint8Array): void {
    this.#child.stdin.write(text)
  }

  endInput(): void {
    this.#child.stdin.end()
  }

  /** At once and without a farewell, as a crash does it. */
  kill(): void {
    const { pid } = this.#child
    if (this.#hasWorkers && pid !== undefined) killGroup(pid)
    else this.#child.kill('SIGKILL')
  }

  /** Sends it a signal that it knows what to do with. */
  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** Waits until its output is as wanted; rejects when it ends before. */
  async until<T>(found: (output: string) => T | undefined | null | false): Promise<T> {
    for (;;) {
      const result = found(this.output)
      if (result) return result
      if (this.#end !== undefined) throw this.#failure(this.#end)
      await new Promise<void>(resolve => this.#waiting.push(resolve))
    }
  }

  /** Waits until it has said this. */
  said(pattern: RegExp): Promise<RegExpExecArray> {
    return this.until(output => pattern.exec(output))
  }

  /** Waits for its end; rejects when that was its deadline. */
  async ended(): Promise<Outcome> {
    const outcome = await this.#ended
    if (this.#end?.startsWith('did not end')) throw this.#failure(this.#end)
    return outcome
  }

  #wake(): void {
    for (const resolve of this.#waiting.splice(0)) resolve()
  }

  #failure(reason: string): Error {
    return new Error(`${this.#name} ${reason}; it said:\n${this.output}`)
  }
}

/** A group whose processes have all ended is no more. */
function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** Starts a foreign program and leaves it running; it ends with the test at the latest. */
export function startPeer(peer: Peer, args: readonly string[], options?: PeerOptions): PeerProcess {
  const started = new PeerProcess(peer, args, options)
  onTestFinished(async () => {
    started.kill()
    await started.ended().catch(() => {})
  })
  return started
}

/** Runs a foreign program to its end. */
export function runPeer(peer: Peer, args: readonly string[], options?: PeerOptions): Promise<Outcome> {
  return startPeer(peer, args, options).ended()
}

/** A foreign server that listens on a loopback port of its own. */
export interface PeerServer {
  readonly process: PeerProcess
  readonly port: number
}

/** `openssl s_server` on a port that the system chose. */
export async function startOpensslServer(
  args: readonly string[],
  options?: PeerOptions,
): Promise<PeerServer> {
  const process = startPeer('openssl', ['s_server', '-accept', '127.0.0.1:0', ...args], options)
  const [, port] = await process.said(/^ACCEPT 127\.0\.0\.1:(\d+)$/m)
  return { process, port: Number(port) }
}

/** `gnutls-serv`, which does not say which port the system chose: it is given one that was free a moment ago. */
export async function startGnutlsServer(
  args: readonly string[],
  options?: PeerOptions,
  attempts = 3,
): Promise<PeerServer> {
  const port = await freePort()
  const process = startPeer('gnutls-serv', ['--port', String(port), ...args], options)
  try {
    // It says "done" once it listens, and exits when the port was taken meanwhile.
    await process.said(/ port \d+\.\.\.done$/m)
    return { process, port }
  } catch (error) {
    if (attempts > 1) return startGnutlsServer(args, options, attempts - 1)
    throw error
  }
}

/** A directory for the files of one test, which go with it. */
export function temporaryDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'ringtls-interop-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

/**
 * The environment in which OpenSSL and curl have these options of SSL_CONF_cmd(3), such as
 * `-ExtendedMasterSecret`, for which OpenSSL 3.0 has no flag.
 */
export function opensslOptions(...options: readonly string[]): { OPENSSL_CONF: string } {
  const file = join(temporaryDirectory(), 'openssl.cnf')
  const sections = ['openssl_conf = all', '[all]', 'ssl_conf = tls', '[tls]', 'system_default = default']
  writeFileSync(file, [...sections, '[default]', `Options = ${options.join(',')}`, ''].join('\n'))
  return { OPENSSL_CONF: file }
}
