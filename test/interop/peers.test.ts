/** A test that needs a program which is not there is skipped and says so, or fails where peers are required. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { needs, type Peer, runPeer } from '../support/peers.ts'

const peers = ['openssl', 'curl', 'gnutls-cli', 'gnutls-serv'] as const satisfies readonly Peer[]

// What the child runs of this file see, and this run too.
describe('the peers', () => {
  for (const peer of peers) {
    needs(peer, () => {
      test(`${peer} tells its version`, async () => {
        const { exitCode, stdout } = await runPeer(peer, [peer === 'openssl' ? 'version' : '--version'])
        expect({ exitCode, stdout }).toMatchObject({ exitCode: 0, stdout: expect.stringMatching(/\d+\.\d+/) })
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
  const child = spawn(process.execPath, [vitest, ...args], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
    env: { ...env, PATH: `${import.meta.dirname}/nowhere`, ...more },
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
