/**
 * A headless browser that trusts the fixtures' authority and reaches nothing but this machine. Chromium is driven by its DevTools
 * protocol and Firefox by WebDriver BiDi: both are JSON over a WebSocket, a number for each command and its answer.
 */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { request, WebSocket } from 'undici'
import { PeerProcess } from '../support/peers.ts'
import { fixturePath } from './support.ts'

export type BrowserName = 'chromium' | 'firefox-esr'

export interface Browser {
  /** Opens a page and returns its text. */
  visit(url: string): Promise<string>
  close(): Promise<void>
}

/** Nobody listens on the discard port: what is not for this machine goes there, and gets no further. */
const nowhere = '127.0.0.1:9'
/** A browser's first start takes long on two busy cores. */
const deadlineMs = 120_000

export async function startBrowser(name: BrowserName): Promise<Browser> {
  const directory = mkdtempSync(join(tmpdir(), 'ringtls-browser-'))
  const { process, open } =
    name === 'chromium' ? await startChromium(directory) : await startFirefox(directory)
  const end = async () => {
    process.kill()
    await process.ended().catch(() => {})
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    return { visit: await open(), close: end }
  } catch (error) {
    await end()
    throw error
  }
}

interface Started {
  readonly process: PeerProcess
  readonly open: () => Promise<Browser['visit']>
}

async function startChromium(directory: string): Promise<Started> {
  await trustAuthority(join(directory, '.pki', 'nssdb'))
  const offline = ['--disable-background-networking', '--disable-component-update', '--disable-sync']
  const process = new PeerProcess(
    'chromium',
    [
      ...[
        '--headless',
        '--no-sandbox',
        '--disable-dev-shm-usage',
        '--disable-gpu',
        '--disable-quic',
        '--no-first-run',
        ...offline,
      ],
      ...[`--proxy-server=${nowhere}`, `--user-data-dir=${join(directory, 'profile')}`],
      ...['--remote-debugging-port=0', 'about:blank'],
    ],
    { env: { HOME: directory }, deadlineMs },
  )
  const open = async () => {
    const [, address] = await process.said(/DevTools listening on ws:\/\/([^/\s]+)/)
    const { body } = await request(`http://${address}/json/list`)
    const pages = (await body.json()) as { type: string; webSocketDebuggerUrl: string }[]
    const page = await openChannel(pages.find(({ type }) => type === 'page')!.webSocketDebuggerUrl)
    await page.call('Page.enable')
    return async (url: string) => {
      const loaded = page.event('Page.loadEventFired')
      const { errorText } = await page.call('Page.navigate', { url })
      if (errorText) throw new Error(`chromium: ${url}: ${errorText}`)
      await loaded
      const { result } = await page.call('Runtime.evaluate', { expression: textOfPage })
      return (result as { value: string }).value
    }
  }
  return { process, open }
}

async function startFirefox(directory: string): Promise<Started> {
  const profile = join(directory, 'profile')
  await trustAuthority(profile)
  writeFileSync(join(profile, 'user.js'), firefoxPreferences())
  const process = new PeerProcess(
    'firefox-esr',
    ['--headless', '--no-remote', '--profile', profile, '--remote-debugging-port=0', 'about:blank'],
    { env: { HOME: directory }, deadlineMs },
  )
  const open = async () => {
    const [, address] = await process.said(/WebDriver BiDi listening on (ws:\/\/\S+)/)
    const channel = await openChannel(`${address}/session`)
    await channel.call('session.new', { capabilities: {} })
    const { contexts } = await channel.call('browsingContext.getTree', {})
    const { context } = (contexts as { context: string }[])[0]!
    return async (url: string) => {
      await channel.call('browsingContext.navigate', { context, url, wait: 'complete' })
      const question = { expression: textOfPage, target: { context }, awaitPromise: false }
      const { result } = await channel.call('script.evaluate', question)
      return (result as { value: string }).value
    }
  }
  return { process, open }
}

const textOfPage = 'document.body.textContent'

function firefoxPreferences(): string {
  const [host, port] = nowhere.split(':')
  const preferences = {
    'network.proxy.type': 1,
    'network.proxy.http': host,
    'network.proxy.http_port': Number(port),
    'network.proxy.ssl': host,
    'network.proxy.ssl_port': Number(port),
    'network.captive-portal-service.enabled': false,
    'network.connectivity-service.enabled': false,
    'app.normandy.enabled': false,
    'datareporting.policy.dataSubmissionEnabled': false,
    'browser.shell.checkDefaultBrowser': false,
  }
  return Object.entries(preferences)
    .map(([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`)
    .join('')
}

/** Both browsers look into a database of NSS. */
async function trustAuthority(database: string): Promise<void> {
  mkdirSync(database, { recursive: true })
  const at = ['-d', `sql:${database}`]
  const authority = ['-n', 'ringtls', '-t', 'C,,', '-a', '-i', fixturePath('ca.pem')]
  for (const args of [
    ['-N', ...at, '--empty-password'],
    ['-A', ...at, ...authority],
  ]) {
    const { exitCode, stderr } = await new PeerProcess('certutil', args).ended()
    if (exitCode !== 0) throw new Error(`certutil: ${stderr}`)
  }
}

interface Channel {
  call(method: string, params?: object): Promise<Record<string, unknown>>
  /** The next event of a name. */
  event(method: string): Promise<unknown>
}

async function openChannel(url: string): Promise<Channel> {
  const socket = new WebSocket(url)
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve())
    socket.addEventListener('error', () => reject(new Error(`no WebSocket at ${url}`)))
  })
  const waiting = new Map<unknown, (message: Record<string, unknown>) => void>()
  socket.addEventListener('message', ({ data }) => {
    const message = JSON.parse(String(data)) as Record<string, unknown>
    const key = message.id ?? message.method
    waiting.get(key)?.(message)
    waiting.delete(key)
  })
  const next = (key: unknown) =>
    new Promise<Record<string, unknown>>(resolve => {
      waiting.set(key, resolve)
    })
  let id = 0
  return {
    call: async (method, params = {}) => {
      const answer = next(++id)
      socket.send(JSON.stringify({ id, method, params }))
      const { result, error, message } = await answer
      if (error) throw new Error(`${method}: ${message ?? JSON.stringify(error)}`)
      return (result ?? {}) as Record<string, unknown>
    },
    event: next,
  }
}
