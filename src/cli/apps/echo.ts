import type { TLSSocket } from '../../node/index.ts'

/** Sends back what comes, and closes when the client does. */
export function echo(socket: TLSSocket): void {
  socket.pipe(socket)
}
