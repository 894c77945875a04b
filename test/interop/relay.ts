/** A relay between a client that knows one address and the servers that its connections are to reach. */
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { onTestFinished } from 'vitest'

export interface Relay {
  readonly port: number
  /** The session ID of each ServerHello that went through, in the order of the connections, as hexadecimal. */
  readonly sessionIds: readonly string[]
}

/**
 * Connection k goes to port k of `ports`. All but the first wait until `isKept` says that the session of the
 * connection before them is where the next server will find it: nobody else waits for that.
 */
export async function startRelay(
  ports: readonly number[],
  isKept: (sessionId: string) => Promise<void>,
): Promise<Relay> {
  const sessionIds: string[] = []
  const sockets = new Set<Socket>()
  const track = (socket: Socket) => {
    sockets.add(socket)
    socket.on('error', () => socket.destroy())
  }
  let count = 0
  const server = createServer({ allowHalfOpen: true, noDelay: true, pauseOnConnect: true }, async client => {
    track(client)
    const turn = count++
    const port = ports[turn]
    const before = sessionIds[turn - 1]
    if (port === undefined || (turn > 0 && before === undefined)) {
      client.destroy()
      return
    }
    if (before !== undefined) await isKept(before)
    const target = connect({ host: '127.0.0.1', port, allowHalfOpen: true, noDelay: true })
    track(target)
    readSessionId(target, id => {
      sessionIds[turn] = id
    })
    client.pipe(target)
    target.pipe(client)
    client.resume()
    client.once('close', () => target.destroy())
    target.once('close', () => client.destroy())
  })
  await new Promise<void>((resolve, reject) =>
    server.once('error', reject).listen(0, '127.0.0.1', () => resolve()),
  )
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  return { port: (server.address() as AddressInfo).port, sessionIds }
}

/** The session ID stands behind record header, message header, version and random (RFC 5246 §6.2.1, §7.4.1.3). */
function readSessionId(server: Socket, found: (id: string) => void): void {
  const lengthAt = 5 + 4 + 2 + 32
  let flight = Buffer.alloc(0)
  const read = (chunk: Buffer) => {
    flight = Buffer.concat([flight, chunk])
    const length = flight[lengthAt]
    if (length === undefined || flight.length <= lengthAt + length) return
    server.off('data', read)
    found(flight.subarray(lengthAt + 1, lengthAt + 1 + length).toString('hex'))
  }
  server.on('data', read)
}
