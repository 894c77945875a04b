import type { AddressInfo, Server } from 'node:net'
import { errnoOf, UsageError } from './failures.ts'
import { type Address, addressText } from './options.ts'
import type { Printed } from './output.ts'

/** Listens, and says where: the port is the real one where 0 asked for any. `remedy` is what to change when the address cannot be had. */
export async function listen(server: Server, address: Address, remedy: string): Promise<Address> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(address, () => {
        server.off('error', reject)
        resolve()
      })
    })
  } catch (error) {
    throw listenError(error, address, remedy)
  }
  return { host: address.host, port: (server.address() as AddressInfo).port }
}

/** One line about an address that cannot be had. */
export function listenError(error: unknown, address: Address, remedy: string): UsageError {
  const reason = reasons[errnoOf(error)] ?? `cannot listen there (${errnoOf(error) || String(error)})`
  const stop = errnoOf(error) === 'EADDRINUSE' ? 'stop it, or ' : ''
  return new UsageError(`${addressText(address)}: ${reason}; ${stop}${remedy}`)
}

/** The one line that says a server is ready. */
export function printedListening({ host, port }: Address): Printed {
  return {
    json: { event: 'listening', ...{ host, port } },
    text: `listening on ${addressText({ host, port })}`,
  }
}

const reasons: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is taken by another program',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'not allowed to listen on this port',
  ENOTFOUND: 'there is no such host',
  EAI_AGAIN: 'the host name cannot be looked up',
}
