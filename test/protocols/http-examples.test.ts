/** The examples of HTTP, run as their readers do, but for the folder of the certificates. */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { fixture } from '../support/pair.ts'
import { temporaryDirectory } from '../support/peers.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const patienceMs = 60_000

/** What each prints. */
const examples: Readonly<Record<string, readonly string[]>> = {
  '01-https-server': [
    '/first TLSv1.2 resumed: false, connection kept: false',
    '/second TLSv1.2 resumed: false, connection kept: true',
    '/later TLSv1.2 resumed: true, connection kept: false',
    'closed',
  ],
  '02-https-agent': [
    'hello /first: connection kept: false, 11 messages of handshake',
    'hello /second: connection kept: true, 11 messages of handshake',
    'hello /later: connection kept: false, 6 messages of handshake',
    'closed',
  ],
  '03-undici': ['200 GET, connections so far: 1', '200 POST, connections so far: 1', 'closed'],
  '04-http2': ['h2: /a by HTTP/2.0, /b by HTTP/2.0, /c by HTTP/2.0', '/d by HTTP/1.1', 'closed'],
  '05-websocket': ['you said: hello', 'you said: goodbye', 'closed'],
}

test.each(Object.entries(examples))(
  'examples/%s.ts',
  async (name, lines) => {
    const directory = temporaryDirectory()
    for (const file of ['ca.pem', 'server.pem', 'server.key'])
      writeFileSync(join(directory, file), fixture(file))
    const { stdout, stderr } = await promisify(execFile)(
      process.execPath,
      ['--import', 'tsx', join(root, 'examples', `${name}.ts`)],
      // It ends by itself: nothing that it has closed holds it up.
      { cwd: root, env: { ...process.env, RINGTLS_PKI: directory }, timeout: patienceMs / 2 },
    )
    expect(stdout.trim().split('\n')).toEqual(lines)
    expect(stderr).toBe('')
  },
  patienceMs,
)
