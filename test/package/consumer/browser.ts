// The driver in a project for the browser: timers are the page's own.
import { Connection, type ServerConfig } from 'ringtls'
import { type Answers, Driver, type Host, MemorySessionCache, type Timers } from 'ringtls/driver'
import { nobleProvider } from 'ringtls/providers/noble'

const timers: Timers = {
  now: () => performance.now(),
  schedule: (delayMs, callback) => {
    const timer = setTimeout(callback, delayMs)
    return () => clearTimeout(timer)
  },
}
const sessionCache = new MemorySessionCache({ now: Date.now })
const config: ServerConfig = {
  role: 'server',
  provider: nobleProvider,
  random: length => crypto.getRandomValues(new Uint8Array(length)),
  now: Date.now,
  drawSessionId: random => sessionCache.drawId(random),
}
const answers: Answers = { sessionCache }
const host: Host = { send: () => {}, event: () => {} }
export const driver = new Driver({ connection: new Connection(config), answers, host, timers })
