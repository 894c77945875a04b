/** `npm run leaks`, a short one: the command measures, and it finds what leaks. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { type Ended, exitOf, textOf } from '../support/processes.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const deadlineMs = 180_000

describe.concurrent('300 short connections and 100 open ones', () => {
  test('nothing is left of them', async () => {
    const { exitCode, stdout, stderr } = await leaks()
    expect(stderr).toBe('')
    expect(stdout).toMatch(/^with 100 open: .* 200 sockets, /m)
    expect(stdout).toMatch(/^when they are closed: .* 0 handles and timers$/m)
    expect(stdout).toMatch(/^Nothing leaks\.$/m)
    expect(exitCode).toBe(0)
  }, 200_000)

  test('what is kept is found', async () => {
    const { exitCode, stdout } = await leaks('--leak')
    expect(stdout).toMatch(/^LEAK: short connections: the heap grew by \d+/m)
    expect(stdout).toMatch(/^LEAK: open connections: \d{3} sockets are still there$/m)
    expect(exitCode).toBe(1)
  }, 200_000)
})

async function leaks(...args: readonly string[]): Promise<Ended> {
  const flags = [
    '--expose-gc',
    '--max-opt=0',
    '--import',
    'tsx',
    'tools/leaks.ts',
    '--connections',
    '300',
    '--open',
    '100',
  ]
  const child = spawn(process.execPath, [...flags, ...args], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: deadlineMs,
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  const [stdout, stderr, exitCode] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    exitOf(child),
  ])
  return { exitCode, stdout, stderr }
}
