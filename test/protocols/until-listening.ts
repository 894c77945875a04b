import { once } from 'node:events'
import { connect } from 'node:net'
import { vi } from 'vitest'

/** Waits for a server that does not say when it listens. */
export function untilListening(port: number): Promise<void> {
  return vi.waitFor(
    async () => {
      const socket = connect(port, '127.0.0.1')
      try {
        await once(socket, 'connect')
      } finally {
        socket.destroy()
      }
    },
    { timeout: 20_000, interval: 20 },
  )
}
