/** Chromium and Firefox open the page of `ringtls server`: with a full handshake, then with one that resumes the session. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { needs } from '../support/peers.ts'
import { type ServerUnderTest, startListening } from '../support/processes.ts'
import { type Browser, type BrowserName, startBrowser } from './browser.ts'
import { identityFiles, serverIdentities } from './own-ends.ts'

/** It may have opened more connections at once than it needed for the first page: those know of no session yet. */
const mostVisits = 6

/** Firefox 153 resumes by ticket alone; with `openssl s_server -no_ticket` each of its handshakes is a full one too. */
const resumesBy = {
  chromium: ['session ID', 'ticket'],
  'firefox-esr': ['ticket'],
} as const satisfies Record<BrowserName, readonly string[]>
const flagsFor = { 'session ID': [], ticket: ['--tickets'] } as const

describe.each(Object.keys(resumesBy) as BrowserName[])('%s', name => {
  needs('certutil', () =>
    needs(name, () => {
      let browser: Browser
      beforeAll(async () => {
        browser = await startBrowser(name)
      }, 120_000)
      afterAll(() => browser?.close())

      async function start(flags: readonly string[]): Promise<ServerUnderTest & { url: string }> {
        const { cert, key } = identityFiles(serverIdentities.rsa)
        const to = ['--listen', '127.0.0.1:0', '--cert', cert, '--key', key]
        const server = await startListening(['server', ...to, '--alpn', 'http/1.1', ...flags])
        return { ...server, url: `https://localhost:${server.port}/` }
      }

      test.each(resumesBy[name])(
        'opens a page, and resumes by %s',
        async by => {
          const server = await start(flagsFor[by])
          const pages = [await browser.visit(server.url)]
          while (!pages.at(-1)!.includes('resumed: yes') && pages.length < mostVisits)
            pages.push(await browser.visit(server.url))
          for (const page of pages) {
            expect(page).toMatch(/^protocol: TLSv1\.2$/m)
            expect(page).toMatch(/^cipher: TLS_ECDHE_RSA_/m)
            expect(page).toMatch(/^alpn: http\/1\.1$/m)
          }
          expect(pages[0]).toMatch(/^resumed: no$/m)
          expect(pages.at(-1)).toMatch(/^resumed: yes$/m)
          expect(pages.at(-1)).toMatch(/^reason: hit$/m)
          // A certificate that did not verify would have been answered by an alert; a connection to spare just ends.
          const failed = server.events.filter(
            ({ event, code }) => event === 'handshakeFailed' && code !== 'TRUNCATED',
          )
          expect(failed).toEqual([])
          await server.stop()
        },
        60_000,
      )

      test('refuses a certificate that it does not trust', async () => {
        const { cert, key } = identityFiles(serverIdentities['P-256'])
        const server = await startListening([
          'server',
          '--listen',
          '127.0.0.1:0',
          '--cert',
          cert,
          '--key',
          key,
        ])
        await expect(browser.visit(`https://localhost:${server.port}/`)).rejects.toThrow(/CERT|ISSUER/)
        await server.stop()
      }, 60_000)
    }),
  )
})
