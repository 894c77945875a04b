/** The servers that the scripts talk to: `ringtls server` in processes of its own, one for each profile. */
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { nobleProvider } from '../../src/providers/noble/index.ts'

/** The command as `npm run build` makes it. */
export const binary = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

const ownCertificates = fileURLToPath(new URL('certs', import.meta.url))

/** Long enough for a machine with two busy cores. */
const startTimeoutMs = 20_000

/** Where a profile's server listens. */
export interface Target {
  readonly host: string
  readonly port: number
}

/** A server that listens. */
export interface RunningServer extends Target {
  /** Whether its process is still there. */
  isAlive(): boolean
  /** What it said on stderr so far: the last 4 KiB. */
  stderr(): string
  stop(): Promise<void>
}

/**
 * Every signature we have, so SHA-1 and SHA-224 too: the scripts take the word of RFC 5246 §7.4.1.4.1 that a client which names no
 * signatures can do SHA-1, and send both as client. A server is started with neither unless they are named (RFC 9155 §2).
 */
const allSignatures = ['--sigalgs', nobleProvider.signatureSchemes.join(':')]

/** What a server of a profile is started with; undefined for a profile that ringtls does not offer. */
export function profileArgs(profile: string, clientAuthorities: string): string[] | undefined {
  const profiles: Readonly<Record<string, readonly string[]>> = {
    default: [...certificate('rsa'), '--tickets'],
    'client-auth': [...certificate('rsa'), '--client-auth', 'request', '--client-ca', clientAuthorities],
    ecdsa: certificate('ecdsa'),
    echo: [...certificate('rsa'), '--app', 'echo'],
    alpn: [...certificate('rsa'), '--alpn', 'http/1.1,h2'],
    sni: [...certificate('rsa'), ...certificate('localhost4')],
  }
  const args = profiles[profile]
  return args && ['server', '--listen', '127.0.0.1:0', ...allSignatures, ...args]
}

/** The client authorities that stand beside a list's own certificates, else ours. */
export function clientAuthoritiesOf(listDirectory: string): string {
  const theirs = join(listDirectory, 'certs', 'clientca.pem')
  return existsSync(theirs) ? theirs : join(ownCertificates, 'clientca.pem')
}

function certificate(name: string): string[] {
  return ['--cert', join(ownCertificates, `${name}.pem`), '--key', join(ownCertificates, `${name}.key`)]
}

/** Starts `ringtls ...args` and waits until it listens. @throws Error with what it said when it does not */
export async function startServer(args: readonly string[]): Promise<RunningServer> {
  const child = spawn(process.execPath, [binary, ...args, '--json'], { stdio: ['ignore', 'pipe', 'pipe'] })
  let stderr = ''
  child.stderr.on('data', chunk => {
    stderr = (stderr + chunk).slice(-4096)
  })
  const exited = new Promise<void>(resolve => child.once('close', () => resolve()))
  const target = await listening(child, exited)
  if (!target) {
    child.kill()
    throw new Error(`ringtls ${args.join(' ')} did not start: ${stderr.trim()}`)
  }
  return {
    ...target,
    isAlive: () => child.exitCode === null && child.signalCode === null,
    stderr: () => stderr,
    stop: () => {
      child.kill()
      return exited
    },
  }
}

/** Where the server listens; undefined when it ends, or takes too long. */
function listening(child: ChildProcess, exited: Promise<void>): Promise<Target | undefined> {
  return new Promise(resolve => {
    const timer = setTimeout(() => resolve(undefined), startTimeoutMs)
    timer.unref()
    void exited.then(() => resolve(undefined))
    createInterface(child.stdout!).on('line', line => {
      const event = JSON.parse(line) as { event: string } & Target
      if (event.event === 'listening') resolve({ host: event.host, port: event.port })
    })
  })
}
