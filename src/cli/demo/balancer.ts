import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A back end's address. */
export interface BackEnd {
  readonly host: string
  readonly port: number
}

/** A TCP balancer: every connection goes to the next back end in turn, past those where nobody listens. */
export interface Balancer {
  readonly address: BackEnd
  close(): void
}

/** Starts one on a free loopback port. @param backEnds asked for every connection: back ends come and go */
export async function startBalancer(backEnds: () => readonly BackEnd[]): Promise<Balancer> {
  let turn = 0
  const sockets = new Set<Socket>()
  const server = createServer({ allowHalfOpen: true, noDelay: true }, client => {
    const all = backEnds()
    const first = turn++ % Math.max(1, all.length)
    track(sockets, client)
    relay(client, [...all.slice(first), ...all.slice(0, first)], sockets)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  const close = () => {
    server.close()
    for (const socket of sockets) socket.destroy()
  }
  return { address: { host: '127.0.0.1', port }, close }
}

/** Bytes both ways with the first back end that answers. It knows nothing of TLS. */
function relay(client: Socket, [backEnd, ...others]: readonly BackEnd[], sockets: Set<Socket>): void {
  if (!backEnd) {
    client.destroy()
    return
  }
  const server = connect({ ...backEnd, allowHalfOpen: true, noDelay: true })
  track(sockets, server)
  server.once('connect', () => {
    client.pipe(server)
    server.pipe(client)
    client.once('close', () => server.destroy())
    server.once('close', () => client.end())
  })
  server.once('error', () => {
    if (server.bytesRead + server.bytesWritten > 0) client.destroy()
    else relay(client, others, sockets)
  })
}

function track(sockets: Set<Socket>, socket: Socket): void {
  sockets.add(socket)
  socket.once('close', () => sockets.delete(socket))
  socket.on('error', () => socket.destroy())
}
