import { readdirSync } from 'node:fs'
import { expect, it } from 'vitest'
import { jsonLines, run, temporaryDirectory } from '../support/processes.ts'

/** It takes five seconds of waiting and of work; where the machine is busy, the work takes longer. */
const deadlineMs = 60_000

it(
  'every step comes out as the method says, and nothing is left behind',
  async () => {
    const temporary = temporaryDirectory()
    const { exitCode, stdout, stderr } = await run(['demo', '--json'], {
      env: { TMPDIR: temporary },
      deadlineMs,
    })
    const steps = jsonLines(stdout)
    expect({ exitCode, stderr, problems: steps.flatMap(step => step.problems) }).toMatchObject({
      exitCode: 0,
      problems: [],
    })
    expect(steps.map(({ handshake, reason }) => `${handshake} ${reason}`)).toEqual([
      'full no_id',
      'resumed hit',
      'resumed hit',
      'resumed hit',
      expect.stringMatching(/^full (error|timeout)$/),
      'full no_id',
      'resumed hit',
      expect.stringMatching(/^full (expired|miss)$/),
      'full foreign_id',
    ])
    const [first, second, third] = steps
    expect(new Set([first, second, third].map(step => step!.server)).size).toBe(3)
    expect(first!.owner).not.toBe(first!.server)
    expect(Object.keys(first!)).toEqual([
      ...['event', 'step', 'title', 'server', 'owner', 'handshake', 'reason', 'messages'],
      ...['bytesIn', 'bytesOut', 'ms', 'lookupMs', 'ok', 'problems'],
    ])
    const names = (step: (typeof steps)[number]) =>
      (step.messages as { message: string }[]).map(({ message }) => message)
    expect(names(first!).join(' ')).toBe(
      'ClientHello ServerHello Certificate ServerHelloDone ClientKeyExchange ChangeCipherSpec Finished ChangeCipherSpec Finished',
    )
    expect(names(second!).join(' ')).toBe(
      'ClientHello ServerHello ChangeCipherSpec Finished ChangeCipherSpec Finished',
    )
    expect(readdirSync(temporary)).toEqual([])
  },
  deadlineMs,
)
