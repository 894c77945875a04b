/** ClientHellos without anything behind them: thousands of clients in one process, each of whom reads its ServerHello. */
import { connect, type Socket } from 'node:net'
import { eventually } from './harness.ts'

export interface HelloAnswer {
  /** Whether the session ID that was offered came back: the server resumes. */
  readonly isEcho: boolean
}

/**
 * Connects once for each session ID, then says all hellos at the same time and waits for every ServerHello. Rejects when a
 * server says anything else, or ends. @param accepted how many connections the server has accepted so far
 */
export async function hellos(
  port: number,
  sessionIds: readonly Uint8Array[],
  accepted: () => Promise<number>,
): Promise<HelloAnswer[]> {
  const before = await accepted()
  const sockets: Socket[] = []
  while (sockets.length < sessionIds.length) {
    // In groups: a system forgets connections that wait to be accepted when they are too many.
    const group = Math.min(500, sessionIds.length - sockets.length)
    for (let i = 0; i < group; i++) sockets.push(connect({ host: '127.0.0.1', port, noDelay: true }))
    await eventually(async () => (await accepted()) - before >= sockets.length || undefined)
  }
  return Promise.all(sessionIds.map((sessionId, i) => hello(sockets[i]!, sessionId)))
}

function hello(socket: Socket, sessionId: Uint8Array): Promise<HelloAnswer> {
  socket.write(clientHello(sessionId))
  return new Promise((resolve, reject) => {
    let said = Buffer.alloc(0)
    socket.on('error', reject)
    socket.on('close', () => reject(new Error(`ended after ${said.toString('hex', 0, 20)}`)))
    socket.on('data', chunk => {
      said = Buffer.concat([said, chunk])
      // Record header 5, handshake header 4, version 2, random 32, length of the ID 1.
      if (said.length < 44 || said.length < 44 + said[43]!) return
      if (said[0] !== 22 || said[5] !== 2)
        return reject(new Error(`not a ServerHello: ${said.toString('hex', 0, 20)}`))
      resolve({ isEcho: said.subarray(44, 44 + said[43]!).equals(sessionId) })
      // No TIME_WAIT: there are only so many ports.
      socket.resetAndDestroy()
    })
  })
}

/** RFC 5246 §7.4.1.2, for TLS_RSA_WITH_AES_128_GCM_SHA256 and without extensions. */
function clientHello(sessionId: Uint8Array): Buffer {
  const suites = [0x00, 0x02, 0x00, 0x9c]
  const body = [0x03, 0x03, ...Buffer.alloc(32, 0xc1), sessionId.length, ...sessionId, ...suites, 1, 0]
  return Buffer.from([22, 0x03, 0x01, 0, body.length + 4, 1, 0, 0, body.length, ...body])
}
