/** What npm packs: that it holds what it should, and that a project which installs it can use all of it. */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { publint } from 'publint'
import { formatMessage } from 'publint/utils'
import ts from 'typescript'
import { beforeAll, describe, expect, test } from 'vitest'
import { type Fetched, needs, runPeer } from '../support/peers.ts'
import { type Ended, exitOf, textOf } from '../support/processes.ts'
import { parseSource, sourceFiles } from '../support/source.ts'
import { install, type Packed, pack, root } from './packed.ts'

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  readonly version: string
  readonly exports: Readonly<Record<string, string | { readonly types: string; readonly default: string }>>
  readonly sideEffects: readonly string[]
}
const entries = Object.keys(manifest.exports)
  .filter(path => !path.endsWith('.json'))
  .map(path => `ringtls${path.slice(1)}`)

let packed: Packed
beforeAll(() => {
  packed = pack()
}, 60_000)

describe('the tarball', () => {
  test('holds what runs, its source, and what is to be read; nothing else', () => {
    const expected =
      /^((dist|src)\/.+\.(js|js\.map|ts)|(docs|examples)\/.+|package\.json|[A-Z]+\.md|LICENSE)$/
    expect(packed.files.filter(file => !expected.test(file))).toEqual([])
    expect(packed.files.filter(file => /test|fixture|tsbuildinfo|bench|fuzz\//.test(file))).toEqual([])
    for (const file of ['LICENSE', 'README.md', 'CHANGELOG.md', 'SECURITY.md', 'docs/architecture.md'])
      expect(packed.files).toContain(file)
  })

  test('holds three files for each source file, and none whose source is gone', () => {
    const sources = packed.files.filter(file => file.startsWith('src/'))
    expect(sources).toHaveLength(sourceFiles.length)
    const built = sources.flatMap(source => {
      const name = source.replace(/^src\/(.+)\.ts$/, 'dist/$1')
      return [`${name}.js`, `${name}.js.map`, `${name}.d.ts`]
    })
    const shipped = packed.files.filter(file => file.startsWith('dist/'))
    expect(
      shipped.filter(file => !built.includes(file)),
      'rm -r dist && npm run build',
    ).toEqual([])
    expect(built.filter(file => !shipped.includes(file))).toEqual([])
  })

  test('has source maps that point to the sources in it', () => {
    const maps = packed.files.filter(file => file.endsWith('.js.map'))
    expect(maps.length).toBeGreaterThan(100)
    const lost = maps.filter(map => {
      const { sources } = JSON.parse(readFileSync(join(root, map), 'utf8')) as { sources: string[] }
      return !sources.every(source => packed.files.includes(join(map, '..', source)))
    })
    expect(lost).toEqual([])
  })

  test('is no bigger than a project would like it', () => {
    expect(packed.packedSize).toBeLessThan(2_000_000)
    expect(packed.unpackedSize).toBeLessThan(8_000_000)
  })

  test('publint has nothing to say', async () => {
    const bytes = readFileSync(packed.tarball)
    const tarball = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength)
    const { messages, pkg } = await publint({ pack: { tarball }, strict: true })
    expect(messages.map(message => formatMessage(message, pkg))).toEqual([])
  })

  // Who require()s this package has a Node that can, which arethetypeswrong does not believe of any.
  test('arethetypeswrong has nothing to say of ES modules', async () => {
    const args = [
      packed.tarball,
      '--profile',
      'esm-only',
      '--no-definitely-typed',
      '--format',
      'ascii',
      '--no-color',
    ]
    const { exitCode, stdout, stderr } = await runHere(join(root, 'node_modules/.bin/attw'), args)
    expect(exitCode, stdout + stderr).toBe(0)
    for (const entry of entries) expect(stdout).toContain(`"${entry}"`)
  }, 60_000)
})

test('modules that do something when loaded are named in sideEffects, and only those', () => {
  const acting = sourceFiles.filter(file => parseSource(file).statements.some(ts.isExpressionStatement))
  const modules = acting.map(file => `./dist/${file.replace(/\.ts$/, '.js')}`)
  expect(modules.sort()).toEqual([...manifest.sideEffects].sort())
})

needs('npm-registry', () =>
  describe('a project that installs it', () => {
    let project: string
    beforeAll(() => {
      project = install(packed)
    }, 120_000)

    test('runs no script of anybody for it: no build tool is needed, and nothing else from the network', () => {
      const { packages } = JSON.parse(readFileSync(join(project, 'package-lock.json'), 'utf8')) as {
        packages: Readonly<Record<string, { hasInstallScript?: boolean; resolved?: string }>>
      }
      const installed = Object.entries(packages).filter(([path]) => path !== '')
      expect(installed.length).toBeGreaterThan(5)
      // Its own `prepare` is for a checkout; npm runs it for no tarball.
      const others = installed.filter(([path]) => path !== 'node_modules/ringtls')
      expect(others.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path)).toEqual([])
    })

    test('has none of the engines that it did not ask for, and loads every entry point all the same', () => {
      for (const engine of ['ioredis', 'memjs', 'redis'])
        expect(existsSync(join(project, 'node_modules', engine))).toBe(false)
    })

    test.each(['tsconfig.json', 'tsconfig.core.json', 'tsconfig.browser.json'])(
      'compiles against its types: %s',
      async config => {
        const tsc = join(root, 'node_modules/typescript/bin/tsc')
        const { exitCode, stdout } = await runHere(process.execPath, [tsc, '-p', join(project, config)])
        expect(stdout).toBe('')
        expect(exitCode).toBe(0)
      },
      120_000,
    )

    describe(`Node ${process.versions.node}`, () => usesIt((...args) => runHere(process.execPath, args)))
    for (const peer of ['node-22', 'node-24'] satisfies Fetched[])
      needs(peer, () => describe(peer, () => usesIt((...args) => runPeer(peer, args))))

    function usesIt(node: (...args: readonly string[]) => Promise<Ended>): void {
      const certificates = ['server.pem', 'server.key', 'ca.pem'].map(file =>
        join(root, 'test/fixtures', file),
      )
      const run = async (file: string, ...args: readonly string[]) => {
        const { exitCode, stdout, stderr } = await node(join(project, file), ...args)
        // A release that finds require(esm) experimental says so, in one line.
        expect({
          exitCode,
          stderr: stderr.replace(/^.*ExperimentalWarning.*\n.*trace-warnings.*\n/m, ''),
        }).toEqual({
          exitCode: 0,
          stderr: '',
        })
        return stdout
      }

      test.each(['every-entry-point.js', 'every-entry-point.cjs'])('%s', async file => {
        const found = JSON.parse(await run(file)) as Record<string, string[]>
        expect(Object.keys(found)).toEqual(entries)
        for (const [entry, names] of Object.entries(found)) expect(names, entry).not.toHaveLength(0)
        expect(found['ringtls/node']).toEqual(
          expect.arrayContaining(['connect', 'createServer', 'TLSSocket']),
        )
      })

      test('JavaScript: a full handshake, and one that resumes', async () => {
        expect(await run('handshakes.js', ...certificates)).toBe(
          'first: hello, TLSv1.2, resumed: false\nsecond: hello, TLSv1.2, resumed: true\n',
        )
      })

      test('JavaScript: HTTPS with keys in worker threads, HTTP/2', async () => {
        expect(await run('others.js', ...certificates)).toBe('HTTP/1.1\nHTTP/2.0\n')
      })

      test('TypeScript, as compiled above', async () => {
        expect(await run('compiled/handshakes.js', ...certificates)).toBe('hello, TLSv1.2, http/1.1\n')
        expect(await run('compiled/required.cjs')).toBe("{ miss: 'miss' }\n")
      })

      test('the binary', async () => {
        expect(await run('node_modules/.bin/ringtls', '--version')).toBe(`${manifest.version}\n`)
      })
    }
  }),
)

async function runHere(program: string, args: readonly string[]): Promise<Ended> {
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], timeout: 60_000 })
  const [stdout, stderr, exitCode] = await Promise.all([
    textOf(child.stdout),
    textOf(child.stderr),
    exitOf(child),
  ])
  return { exitCode, stdout, stderr }
}
