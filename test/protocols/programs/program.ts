/** What the programs here have in common. They know node:tls alone; as-node-tls.ts is what makes them run on ours. */
import { createCipheriv, createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { TLSSocket } from 'node:tls'

/** What the test wants, from the command line. */
export function wanted<T>(): T {
  return JSON.parse(process.argv[2] ?? '{}') as T
}

/** Tells the test something: one line, one object. */
export function say(event: string, details: object = {}): void {
  process.stdout.write(`${JSON.stringify({ event, ...details })}\n`)
}

export function fixture(name: string): Buffer {
  return readFileSync(new URL(`../../fixtures/${name}`, import.meta.url))
}

/** The fixtures' certificate for `localhost`. TLS 1.2, which both ends have. */
export const identity = {
  cert: fixture('server.pem'),
  key: fixture('server.key'),
  maxVersion: 'TLSv1.2',
} as const

/** Bytes that are the same every time, that no compression shortens, and of which no two blocks are alike. */
export function contents(length: number): Buffer {
  const cipher = createCipheriv('aes-128-ctr', Buffer.alloc(16), Buffer.alloc(16))
  return cipher.update(Buffer.alloc(length))
}

export function digest(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex')
}

/** What TLS did on a connection. */
export interface Told {
  readonly protocol: string | null
  readonly cipher: string | undefined
  readonly resumed: boolean
  readonly authorized: boolean
  readonly servername: string | false | null | undefined
}

export function toldOf(socket: TLSSocket): Told {
  return {
    protocol: socket.getProtocol(),
    cipher: socket.getCipher()?.name,
    resumed: socket.isSessionReused(),
    authorized: socket.authorized,
    servername: (socket as TLSSocket & { readonly servername?: string | false | null }).servername,
  }
}

/** What a library says of a failure. */
export function failureOf(error: unknown): { code: unknown; message: string } {
  const { code, message } = error as NodeJS.ErrnoException
  return { code, message }
}

/** A message whose lines are as an attachment's, some of which begin with a dot, of somewhat more than `length` bytes. */
export function messageOf(length: number): Buffer {
  const head = ['From: a@localhost', 'To: b@localhost', 'Subject: some MB', 'MIME-Version: 1.0', '']
  const body =
    contents((length * 3) / 4)
      .toString('base64')
      .match(/.{1,76}/g) ?? []
  const dotted = body.map((line, i) => (i % 100 === 0 ? `.${line.slice(1)}` : line))
  return Buffer.from([...head, '.', '..', ...dotted, ''].join('\r\n'))
}
