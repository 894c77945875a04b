/** What the config and the scope say is so: every reason given, every code one that there is. */
import { describe, expect, test } from 'vitest'
import { AlertDescription, faults } from '../../src/errors.ts'
import { matchesGlob, readConfig, reasonDisabled } from './disabled.ts'
import { countByGroup, staleGlobs, tableOf, totalOf } from './report.ts'
import type { ListedTest, TestResult } from './runner.ts'
import { isInScope, otherFeatureOf } from './scope.ts'

const config = readConfig()

describe('config.json', () => {
  test.each(Object.entries(config.DisabledTests))('%s is disabled for a reason', (glob, reason) => {
    expect(reason.length).toBeGreaterThan(20)
    // Go's filepath.Match knows more than this, which `matchesGlob` does not.
    expect(glob).toMatch(/^[\w*?-]+$/)
    expect(glob).not.toBe('*')
  })

  /** What the shim itself says, beside the codes of src/errors.ts and the peer's alerts. */
  const words = ['APPLICATION_DATA_ON_SHUTDOWN', 'NO_RENEGOTIATION', 'NO_TLS_UNIQUE']
  const codes = new Set([
    ...Object.keys(faults),
    ...Object.keys(AlertDescription).map(name => `PEER_ALERT_${name.toUpperCase()}`),
    ...words,
  ])
  test.each(Object.entries(config.ErrorMap))('%s is an error that there is', (_, ours) => {
    expect(ours.length).toBeGreaterThan(0)
    for (const code of ours) expect(codes).toContain(code.replace(/^:(.*):$/, '$1'))
  })
})

// The values are those of Go's filepath.Match.
test.each([
  ['Basic-*', 'Basic-Client', true],
  ['Basic-*', 'Basic-', true],
  ['Basic-*', 'NotBasic-Client', false],
  ['*PSK*', 'TLS-TLS12-PSK_WITH_AES', true],
  ['Read?', 'Read1', true],
  ['Read?', 'Read12', false],
  ['A.B', 'AxB', false],
  ['A*', 'A/B', false],
])('%s is a glob of %s: %s', (glob, name, expected) => {
  expect(matchesGlob(glob, name)).toBe(expected)
})

describe('the scope', () => {
  const [tls11, tls12, tls13] = [0x0302, 0x0303, 0x0304]
  const listed = (more: Partial<ListedTest> = {}, min = 0, max = 0, expected = 0): ListedTest => ({
    name: 'Something',
    group: 'Basic',
    protocol: 'TLS',
    connections: [{ minVersion: min, maxVersion: max, expectedVersion: expected }],
    flags: null,
    ...more,
  })

  test.each<[string, ListedTest, boolean]>([
    ['of no version in particular', listed(), true],
    ['up to TLS 1.2', listed({}, 0, tls12), true],
    ['up to TLS 1.1', listed({}, 0, tls11), false],
    ['up to TLS 1.3', listed({}, 0, tls13), false],
    ['from TLS 1.3', listed({}, tls13), false],
    ['up to TLS 1.3 where the shim has TLS 1.2', listed({ flags: ['-max-version', '771'] }, 0, tls13), true],
    ['up to TLS 1.3 where the shim lacks it', listed({ flags: ['-no-tls13'] }, 0, tls13), true],
    ['where the shim lacks TLS 1.2', listed({ flags: ['-no-tls12'] }, 0, tls12), false],
    ['from which TLS 1.2 must come out', listed({}, 0, tls13, tls12), true],
    ['from which TLS 1.3 must come out', listed({}, 0, 0, tls13), false],
    ['of DTLS', listed({ protocol: 'DTLS' }, 0, tls12), false],
    ['of another feature by its group', listed({ group: 'PAKE' }), false],
    ['of another feature by its name', listed({ name: 'ChannelID-Client' }), false],
    ['of another feature by a flag', listed({ flags: ['-on-resume-select-next-proto', 'foo'] }), false],
  ])('%s', (_, each, expected) => {
    expect(isInScope(each)).toBe(expected)
  })

  test('counts by the runner’s groups, and finds globs that are out of date', () => {
    const tests = ['Alert', 'Renegotiate-Client', 'CloseNotify'].map(name => listed({ name }))
    const results = new Map<string, TestResult>([
      ['Alert', { name: 'Alert', outcome: 'passed', report: '' }],
      ['CloseNotify', { name: 'CloseNotify', outcome: 'failed', report: 'no' }],
    ])
    const rows = countByGroup(tests, results, name => reasonDisabled(config, name) !== undefined)
    expect(rows).toEqual([{ group: 'Basic', passed: 1, failed: 1, unimplemented: 0, disabled: 1 }])
    expect(totalOf([...rows, ...rows])).toMatchObject({ passed: 2, disabled: 2 })
    expect(tableOf(rows)).toContain('| Basic | 1 | 1 | 0 | 1 |')
    expect(staleGlobs({ DisabledTests: { 'Al*': '', Old: '' }, ErrorMap: {} }, tests)).toEqual(['Old'])
    expect(otherFeatureOf(listed())).toBeUndefined()
  })
})
