/** A server of ours on a real socket in this process, where a test turns the clock or hands the random bytes out. */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { answerHttp } from '../../../src/cli/apps/http.ts'
import { createServer, type Server, type ServerOptions, type TLSSocket } from '../../../src/node/index.ts'
import { fixture } from '../../support/fixtures.ts'
import type { Openings } from '../support.ts'

export interface OwnServer {
  readonly server: Server
  readonly port: number
  /** Every connection whose handshake has ended. */
  readonly sockets: readonly TLSSocket[]
}

/** Shows the page of `ringtls server`, as visitor.ts wants it. */
export async function openOwnServer(openings: Openings, options: Partial<ServerOptions>): Promise<OwnServer> {
  const sockets: TLSSocket[] = []
  const identity = { cert: fixture('server.pem'), key: fixture('server.key') }
  const server = createServer({ ...identity, lookupTimeout: 5000, ...options }, socket => {
    sockets.push(socket)
    socket.on('error', () => {})
    answerHttp(socket, 'own')
  })
  openings.add(
    () =>
      new Promise(resolve => {
        for (const socket of sockets) socket.destroy()
        server.close(() => resolve())
      }),
  )
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return { server, sockets, port: (server.address() as AddressInfo).port }
}
