/** A test that needs a program which is not there is skipped and says so, or fails where peers are required. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { needs, type Peer, runPeer } from '../support/peers.ts'

/** How each is made to say a word, or at least to start, and the exit code that it ends with. */
const trials: Readonly<
  Record<
    Peer,
    { readonly args: readonly string[]; readonly exitCode: number; readonly writesToInput?: boolean }
  >
> = {
  openssl: { args: ['version'], exitCode: 0 },
  curl: { args: ['--version'], exitCode: 0 },
  'gnutls-cli': { args: ['--version'], exitCode: 0 },
  'gnutls-serv': { args: ['--version'], exitCode: 0 },
  // Those of NSS tell how they are used, and no version.
  certutil: { args: ['-H'], exitCode: 1 },
  pk12util: { args: [], exitCode: 2 },
  tstclnt: { args: [], exitCode: 1 },
  selfserv: { args: [], exitCode: 51 },
  chromium: { args: ['--version'], exitCode: 0 },
  'firefox-esr': { args: ['--version'], exitCode: 0 },
  haproxy: { args: ['-v'], exitCode: 0 },
  // To standard error, as all that nginx says.
  nginx: { args: ['-v'], exitCode: 0 },
  'redis-server': { args: ['--version'], exitCode: 0 },
  'redis-sentinel': { args: ['--version'], exitCode: 0 },
  'redis-cli': { args: ['--version'], exitCode: 0 },
  'valkey-server': { args: ['--version'], exitCode: 0 },
  'node-22': { args: ['--version'], exitCode: 0 },
  'node-24': { args: ['--version'], exitCode: 0 },
  memcached: { args: ['--version'], exitCode: 0 },
  dovecot: { args: ['--version'], exitCode: 0 },
  // It says so on standard input, of all places, which must be open then.
  vsftpd: { args: ['/no/such/file'], exitCode: 2, writesToInput: true },
  // Nothing to do, so they end.
  go: { args: [], exitCode: 0 },
  java: { args: [], exitCode: 0 },
  rustls: { args: [], exitCode: 0 },
}
const peers = Object.keys(trials) as Peer[]

// What the child runs of this file see, and this run too.
describe('the peers', () => {
  for (const peer of peers) {
    needs(peer, () => {
      test(`${peer} starts`, async () => {
        const { args, exitCode, writesToInput = false } = trials[peer]
        const outcome = await runPeer(peer, args, writesToInput ? {} : { input: '' })
        expect(outcome).toMatchObject({ exitCode })
        if (exitCode === 0 && args.length > 0) expect(outcome.stdout + outcome.stderr).toMatch(/\d+\.\d+/)
      })
    })
  }
})

interface Report {
  readonly testResults: readonly {
    readonly assertionResults: readonly {
      readonly title: string
      readonly status: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

/** The tests of `the peers` above, run where the PATH leads nowhere. */
async function runWithoutPeers(more: Readonly<Record<string, string>>) {
  const { RINGTLS_REQUIRE_PEERS: _, ...env } = process.env
  const vitest = fileURLToPath(new URL('../../node_modules/vitest/vitest.mjs', import.meta.url))
  const args = ['run', fileURLToPath(import.meta.url), '-t', '^the peers', '--reporter=json']
  const nowhere = `${import.meta.dirname}/nowhere`
  const child = spawn(process.execPath, [vitest, ...args], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { ...env, PATH: nowhere, RINGTLS_PEERS: nowhere, ...more },
    stdio: ['ignore', 'pipe', 'ignore'],
  })
  let output = ''
  child.stdout.on('data', chunk => {
    output += chunk
  })
  const exitCode = await new Promise<number | null>(resolve => child.once('close', resolve))
  const report = JSON.parse(output) as Report
  const results = report.testResults.flatMap(({ assertionResults }) => assertionResults)
  return { exitCode, results: results.filter(({ title }) => title.includes('npm run setup:peers')) }
}

describe('where the PATH leads nowhere', () => {
  test.concurrent('every test that needs a peer is skipped, and says what it needs', async () => {
    const { exitCode, results } = await runWithoutPeers({})
    expect(results.map(({ status, title }) => [status, title])).toEqual(
      peers.map(peer => ['skipped', `skipped: needs ${peer}, see npm run setup:peers`]),
    )
    expect(exitCode).toBe(0)
  })

  test.concurrent('every one of them fails with RINGTLS_REQUIRE_PEERS=1', async () => {
    const { exitCode, results } = await runWithoutPeers({ RINGTLS_REQUIRE_PEERS: '1' })
    expect(results.map(({ status, title }) => [status, title])).toEqual(
      peers.map(peer => ['failed', `needs ${peer}, see npm run setup:peers`]),
    )
    for (const [i, { failureMessages }] of results.entries()) {
      expect(failureMessages[0]).toContain(`${peers[i]} is not on the PATH`)
    }
    expect(exitCode).toBe(1)
  })
})
