/** The core, its driver and the noble provider in a browser: built for it, and run there. */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createContext, runInContext } from 'node:vm'
import { gzipSync } from 'node:zlib'
import { expect, onTestFinished, test } from 'vitest'
import { startBrowser } from '../interop/browser.ts'
import { fixture, seededRandom, testNowMs } from '../support/pair.ts'
import { needs } from '../support/peers.ts'
import { bundle, foreignNames } from './bundle.ts'
import type { World } from './page.ts'

const identity = { cert: fixture('server.pem'), key: fixture('server.key'), ca: fixture('ca.pem') }

/** The answer of page.ts where all is well. */
const conversations = [
  'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: ping pong, resumed: false',
  'TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256: ping pong, resumed: true',
  'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: ping pong, resumed: false',
  'TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: ping pong, resumed: true',
  'TLS_RSA_WITH_AES_128_CBC_SHA256: ping pong, resumed: false',
  'TLS_RSA_WITH_AES_128_CBC_SHA256: ping pong, resumed: true',
]

test('a name that is not of the language is found, however it is spelled', () => {
  const script = `const host = globalThis; host.setImmediate; globalThis.process; globalThis['require']
    Buffer.from(''); typeof __dirname; global.x; process?.env; require('fs'); setTimeout(() => { label: for (;;) break label })
    const own = { Buffer: 1 }; own.Buffer; (process => process)(1)`
  const found = [
    'Buffer',
    '__dirname',
    'global',
    'globalThis.process',
    'globalThis.require',
    'globalThis.setImmediate',
  ]
  expect(foreignNames(script)).toEqual([...found, 'process', 'require', 'setTimeout'])
})

test('a module of Node is no part of a bundle', async () => {
  await expect(bundle(`import 'node:fs'`)).rejects.toThrow('Could not resolve "node:fs"')
  await expect(bundle(`export * from 'ringtls/node'`)).rejects.toThrow('Could not resolve "node:')
})

test('the core names nothing but what is of the language', async () => {
  expect(foreignNames(await bundle(`export * from 'ringtls'`))).toEqual([])
})

// Its own look for randomness, which nobody here calls: it is handed in.
test('the noble provider asks a browser for its randomness at most', async () => {
  const names = foreignNames(await bundle(`export * from 'ringtls/providers/noble'`))
  expect(names).toEqual(['globalThis.crypto'])
})

test('the driver needs an AbortController; its session cache does with what there is', async () => {
  const driver = `import { Driver, certificateVerifier, selectByServerName } from 'ringtls/driver'
    export { Driver, certificateVerifier, selectByServerName }`
  expect(foreignNames(await bundle(driver))).toEqual(['AbortController'])
  // lru-cache: timers for a time to live, which ours has none of, and a warning where it would speak to Node's process.
  const cache = await bundle(`export { MemorySessionCache } from 'ringtls/driver'`)
  const ofLruCache = ['AbortController', 'clearTimeout', 'console', 'performance', 'process', 'setTimeout']
  expect(foreignNames(cache)).toEqual(ofLruCache)
})

test.each([
  ['`ringtls`', `export * from 'ringtls'`],
  [
    '`ringtls` and `ringtls/providers/noble`',
    `export * from 'ringtls'; export * from 'ringtls/providers/noble'`,
  ],
  ['the same with `ringtls/driver`: client and server', `export * from './page.ts'`],
])('docs/browser.md says how big it is: %s', async (name, contents) => {
  const docs = readFileSync(new URL('../../docs/browser.md', import.meta.url), 'utf8')
  const row = docs.split('\n').find(line => line.startsWith(`| ${name} | `) && /\d \|$/.test(line))
  const [minified, gzip] = row!.match(/[\d,]{4,}/g)!.map(figure => Number(figure.replaceAll(',', '')))
  const script = await bundle(contents)
  const measured = { minified: script.length, gzip: gzipSync(script).length }
  expect(measured, JSON.stringify(measured)).toEqual({ minified: within(minified!), gzip: within(gzip!) })
})

test('full and resumed handshakes where there is nothing but the language and an AbortController', async () => {
  const script = await bundle(`export * from './page.ts'`, 'page')
  const world: World = {
    ...identity,
    random: seededRandom('page'),
    now: () => testNowMs,
    timers: { now: () => 0, schedule: () => () => {} },
  }
  const context = createContext(
    { world, AbortController },
    { codeGeneration: { strings: false, wasm: false } },
  )
  // The language's own console is V8's.
  for (const name of ['process', 'Buffer', 'require', 'setTimeout', 'crypto', 'TextEncoder', 'performance'])
    expect(runInContext(`typeof ${name}`, context)).toBe('undefined')
  runInContext(script, context)
  expect(runInContext('Array.from(page.handshakes(world))', context)).toEqual(conversations)
})

/** A quarter more or less. */
const within = (figure: number) => expect.toSatisfy((size: number) => Math.abs(size / figure - 1) < 0.25)

needs('certutil', () =>
  needs('chromium', () => {
    test('full and resumed handshakes in a page of Chromium', async () => {
      const files: Readonly<Record<string, string>> = {
        '/': '<!doctype html><meta charset="utf-8"><script src="page.js"></script><body><script src="show.js"></script>',
        '/page.js': await bundle(`export * from './page.ts'`, 'page'),
        '/show.js': show,
      }
      const url = await serve(files)
      const browser = await startBrowser('chromium')
      onTestFinished(() => browser.close())
      expect((await browser.visit(url)).trim().split('\n')).toEqual(conversations)
    }, 180_000)
  }),
)

/** Randomness, clock and timers as a page has them. The fixtures have their time of their own. */
const show = `
const timers = {
  now: () => performance.now(),
  schedule: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}
const random = length => crypto.getRandomValues(new Uint8Array(length))
const world = { ...${JSON.stringify(identity)}, random, now: () => ${testNowMs}, timers }
try {
  document.body.textContent = page.handshakes(world).join('\\n')
} catch (error) {
  document.body.textContent = String(error)
}
`

/** Serves files on a port of its own, and lets the page load nothing else and evaluate nothing; gives its URL. */
async function serve(files: Readonly<Record<string, string>>): Promise<string> {
  const server = createServer(({ url = '' }, response) => {
    const type = url.endsWith('.js') ? 'text/javascript' : 'text/html'
    const headers = {
      'content-type': type,
      'content-security-policy': "default-src 'none'; script-src 'self'",
    }
    response.writeHead(url in files ? 200 : 404, headers).end(files[url])
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}
