// The core and the noble provider in a project that knows neither the types of Node nor those of the DOM.
import { type ClientConfig, Connection, type Step } from 'ringtls'
import { nobleProvider } from 'ringtls/providers/noble'

const config: ClientConfig = {
  role: 'client',
  provider: nobleProvider,
  random: length => new Uint8Array(length),
  now: () => 0,
  serverName: 'localhost',
}
export const step: Step = new Connection(config).start()
