/** A process of its own that connects to localhost:PORT without `ca`, by node:tls and by ours, and prints what came of it. */
import { connect as connectNode } from 'node:tls'
import { connect } from '../../src/node/index.ts'

const options = {
  host: '127.0.0.1',
  port: Number(process.argv[2]),
  servername: 'localhost',
  maxVersion: 'TLSv1.2',
} as const

const outcomes = [connectNode(options), connect(options)].map(
  socket =>
    new Promise<string>(resolve => {
      socket.once('secureConnect', () => {
        resolve(`authorized: ${socket.authorized}`)
        socket.destroy()
      })
      socket.once('error', () => resolve('refused'))
    }),
)
for (const outcome of await Promise.all(outcomes)) console.log(outcome)
