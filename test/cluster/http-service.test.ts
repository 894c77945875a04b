import { once } from 'node:events'
import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { HttpService } from '../../src/cluster/http-service.ts'
import { fixture } from '../support/fixtures.ts'
import { Openings, until } from './support.ts'

const openings = new Openings()
afterEach(() => openings.release())

/** So long that only `close` can end what waits for it. */
const limits = {
  maxConnections: 10,
  maxHeaderBytes: 4096,
  requestTimeoutMs: 600_000,
  keepAliveTimeoutMs: 600_000,
}
const tls = { cert: fixture('server.pem'), key: fixture('server.key'), ca: fixture('client-ca.pem') }

test.each([
  ['https', tls],
  ['http', undefined],
])(
  '%s: a connection on which nothing was ever said does not keep a service from closing',
  async (_, tlsOrNone) => {
    const service = new HttpService({ limits, tls: tlsOrNone, answer: async () => ({ status: 204 }) })
    const { port } = await service.listen('127.0.0.1', 0)
    const silent = connect(port, '127.0.0.1').on('error', () => {})
    openings.add(async () => void silent.destroy())
    const ended = once(silent, 'close')
    await once(silent, 'connect')
    let isClosed = false
    // A connection that the service has not seen yet is no test of it.
    await once(
      connect(port, '127.0.0.1').on('error', () => {}),
      'connect',
    )
    void service.close(50).then(() => {
      isClosed = true
    })
    await until(() => isClosed)
    await ended
    expect(service.address()).toBeUndefined()
  },
)
