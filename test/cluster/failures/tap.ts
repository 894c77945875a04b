import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import type { Openings } from '../support.ts'

/** A relay that remembers what clients said, connection by connection. */
export interface Tap {
  readonly port: number
  /** All that was said so far, one entry a connection, in their order. */
  heard(): readonly Buffer[]
}

/** Relays to a port of 127.0.0.1; `target` is asked anew for each connection. */
export async function openTap(openings: Openings, target: () => number): Promise<Tap> {
  const heard: Buffer[][] = []
  const sockets: Socket[] = []
  const server = createServer({ noDelay: true }, client => {
    const parts: Buffer[] = []
    heard.push(parts)
    const far = connect({ host: '127.0.0.1', port: target(), noDelay: true })
    client.on('data', part => parts.push(part))
    client.pipe(far).pipe(client)
    sockets.push(client, far)
    for (const [socket, other] of [
      [client, far],
      [far, client],
    ] as const) {
      socket.on('error', () => {})
      socket.once('close', () => other.destroy())
    }
  })
  await once(server.listen(0, '127.0.0.1'), 'listening')
  openings.add(
    () =>
      new Promise(resolve => {
        server.close(() => resolve())
        for (const socket of sockets) socket.destroy()
      }),
  )
  return {
    port: (server.address() as AddressInfo).port,
    heard: () => heard.map(parts => Buffer.concat(parts)),
  }
}
