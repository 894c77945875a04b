import { execFile } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { argumentsOf, ListError, missingNeeds, readList } from './list.ts'
import { countsOf, failedConversations } from './output.ts'
import { profileArgs } from './servers.ts'

/** What the scripts print, as `scripts/test-conversation.py` of tlsfuzzer 14555fe does; its traceback is shortened. */
const output = `sanity ...
OK

bad thing ...
Error while processing
Traceback (most recent call last):
  File "x.py", line 1, in main
AssertionError: Unexpected message from peer: Alert(fatal, protocol_version)

old version ...
Error while processing
Traceback (most recent call last):
  File "x.py", line 1, in main
AssertionError: Unexpected message from peer: Alert(fatal, protocol_version)
OK-expected failure

good after all ...
XPASS-expected failure but test passed

"again" repeat 0...
OK

"again" repeat 1...
Error while processing
Traceback (most recent call last):
AssertionError: Timeout when waiting for peer message

"again" repeat 2...
Error while processing
Traceback (most recent call last):
AssertionError: Unexpected closure from peer

sanity ...
OK

Test end
====================
TOTAL: 6
SKIP: 2
PASS: 3
XFAIL: 1
FAIL: 3
XPASS: 1
====================
`

const directory = mkdtempSync(join(tmpdir(), 'ringtls-tlsfuzzer-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

function fileOf(name: string, content: string): string {
  const path = join(directory, name)
  writeFileSync(path, content)
  return path
}

describe('what a script prints', () => {
  it('is counted by outcome, not by its own total', () => {
    expect(countsOf(output)).toEqual({ total: 10, skip: 2, pass: 3, xfail: 1, fail: 3, xpass: 1 })
  })

  it('is counted in two words where the script is old', () => {
    const counts = countsOf('Test end\nsuccessful: 5\nfailed: 2\n')
    expect(counts).toEqual({ total: 7, skip: 0, pass: 5, xfail: 0, fail: 2, xpass: 0 })
  })

  it('counts nothing where it counts nothing', () => {
    expect(countsOf('Traceback (most recent call last):\nImportError: six\n')).toBeUndefined()
  })

  it('names the conversations that failed, each once with its first problem', () => {
    expect(failedConversations(output)).toEqual([
      {
        name: 'bad thing',
        problem: 'AssertionError: Unexpected message from peer: Alert(fatal, protocol_version)',
      },
      { name: 'good after all', problem: 'XPASS-expected failure but test passed' },
      { name: 'again', problem: 'AssertionError: Timeout when waiting for peer message' },
    ])
  })
})

describe('a list', () => {
  const entry = { id: 'a', script: 'test-a.py', args: ['-k', '{client_key}'], feature: 'basic' }

  it('knows its own folder', () => {
    const vars = { client_key: '{here}/client.key', reply_size: 1000 }
    const list = readList(fileOf('list.json', JSON.stringify({ vars, entries: [entry] })))
    expect(list.variables).toEqual({ client_key: `${directory}/client.key`, reply_size: '1000' })
    expect(argumentsOf(entry, { variables: list.variables, without: new Set() })).toEqual([
      '-k',
      `${directory}/client.key`,
    ])
  })

  it.each([
    ['no entries', '{}'],
    ['no JSON', '{'],
    ['an entry without a script', JSON.stringify({ entries: [{ ...entry, script: undefined }] })],
    ['an id twice', JSON.stringify({ entries: [entry, entry] })],
  ])('is refused with %s', (_, content) => {
    expect(() => readList(fileOf('bad.json', content))).toThrow(ListError)
  })

  it('is refused when it does not define a variable', () => {
    expect(() => argumentsOf(entry, { variables: {}, without: new Set() })).toThrow(/no variable client_key/)
  })

  it('leaves out conversations that need what is not there', () => {
    const partly = { ...entry, args: ['-d'], drop_without: { dhe: ['one', 'two'], etm: ['three'] } }
    const args = argumentsOf(partly, { variables: {}, without: new Set(['dhe', 'x448']) })
    expect(args).toEqual(['-e', 'one', '-e', 'two', '-d'])
  })

  it('skips an entry when a need does not hold, of alternatives when none does', () => {
    const needy = { ...entry, needs: ['tickets', 'ecdhe-no-groups/dhe'] }
    expect(missingNeeds(needy, new Set(['dhe']))).toEqual([])
    expect(missingNeeds(needy, new Set(['dhe', 'ecdhe-no-groups']))).toEqual(['ecdhe-no-groups/dhe'])
    expect(missingNeeds(needy, new Set(['tickets']))).toEqual(['tickets'])
  })
})

describe('our list', () => {
  const list = readList(fileURLToPath(new URL('list.json', import.meta.url)))

  it('has certificates for its clients, and a server for every profile that we do not skip', () => {
    const files = Object.values(list.variables).filter(value => value.startsWith('/'))
    expect(files.length).toBeGreaterThan(8)
    expect(files.filter(file => !existsSync(file))).toEqual([])
    const without = new Set(['renegotiation'])
    const asked = list.entries.filter(entry => missingNeeds(entry, without).length === 0)
    const profiles = new Set(asked.map(({ profile = 'default' }) => profile))
    expect([...profiles].filter(profile => !profileArgs(profile, 'ca.pem'))).toEqual([])
    expect(asked.length).toBeGreaterThan(200)
  })

  it('needs only words that its readers know', () => {
    const known = new Set(
      'dhe aesccm chacha20 ecdsa ecdsa-client client-auth rsa-pss etm tickets alpn sni-certs echo x448 record-size-limit renegotiation no-renegotiation sslv2-hello no-sslv2-hello ecdhe-no-groups sha1-default'.split(
        ' ',
      ),
    )
    const words = list.entries.flatMap(({ needs = [], drop_without: dropped = {} }) => [
      ...needs.flatMap(need => need.split('/')),
      ...Object.keys(dropped),
    ])
    expect(words.filter(word => !known.has(word))).toEqual([])
  })
})

describe('npm run tlsfuzzer', () => {
  // In place of python3, a script that does what the name of the tlsfuzzer script says.
  const python = fileOf(
    'python',
    `#!/bin/sh
case "$2" in
  *good*) printf 'sanity ...\\nOK\\n\\nPASS: 1\\nFAIL: 0\\n' ;;
  *bad*) printf 'sanity ...\\nOK\\n\\nodd one ...\\nTraceback (most recent call last)\\nAssertionError: no\\n\\nPASS: 1\\nFAIL: 1\\n'; exit 1 ;;
  *mute*) exit 0 ;;
  *slow*) exec '${process.execPath}' -e 'setTimeout(() => {}, 20000)' ;;
esac
`,
  )
  chmodSync(python, 0o755)
  mkdirSync(join(directory, 'scripts'))
  mkdirSync(join(directory, 'tlslite'))
  const entry = (script: string) => ({ id: script, script, args: [], feature: 'basic', timeout: 1 })

  function run(scripts: readonly string[], extra: readonly string[] = []) {
    const list = fileOf('run.json', JSON.stringify({ entries: scripts.map(entry) }))
    const args = ['--dir', directory, '--tlslite', directory, '--list', list, '--python', python]
    const target = ['--target', 'default=127.0.0.1:9']
    const program = fileURLToPath(new URL('../../tools/tlsfuzzer.ts', import.meta.url))
    return new Promise<{ exitCode: unknown; text: string }>(resolve => {
      const all = ['--import', 'tsx', program, ...args, ...target, ...extra]
      execFile(process.execPath, all, (error, stdout, stderr) =>
        resolve({ exitCode: error ? error.code : 0, text: stdout + stderr }),
      )
    })
  }

  it('ends with 0 when every script passes', async () => {
    const { exitCode, text } = await run(['good'])
    expect(text).toContain('TOTAL scripts 1/1  conversations 1/1')
    expect(exitCode).toBe(0)
  })

  it('ends with 1 when one fails, counts nothing or does not end, and says which', async () => {
    const json = join(directory, 'out.json')
    const { exitCode, text } = await run(['good', 'bad', 'mute', 'slow'], ['--json', json])
    expect(exitCode).toBe(1)
    expect(text).toContain('- odd one: AssertionError: no')
    expect(text.match(/^NOT OK .*$/gm)).toEqual([
      'NOT OK  bad (fail)',
      'NOT OK  mute (no-summary)',
      'NOT OK  slow (timeout)',
    ])
    expect(text).toContain('TOTAL scripts 1/4  conversations 2/3')
    const { summary } = JSON.parse(readFileSync(json, 'utf8')) as { summary: object }
    expect(summary).toMatchObject({ scriptsPassed: 1, scripts: 4, conversationsPassed: 2, conversations: 3 })
  })

  it('ends with 2 on a usage error', async () => {
    const { exitCode, text } = await run(['good'], ['--jobs', '0'])
    expect(text).toContain('--jobs wants a number')
    expect(exitCode).toBe(2)
  })
})
