/** A real handshake, told in the layout of RFC 5246 figures 1 and 2. */
import { fromHex } from '../../src/bytes.ts'
import { cipherSuite } from '../../src/crypto/cipher-suites.ts'
import { deriveKeyBlock } from '../../src/crypto/key-schedule.ts'
import { decodeHandshakeBody, handshakeTypeOf } from '../../src/messages/handshake.ts'
import { nobleProvider } from '../../src/providers/noble/index.ts'
import { HandshakeJoiner } from '../../src/record/handshake-joiner.ts'
import { createProtection, type Protection } from '../../src/record/protection.ts'
import { Secret } from '../../src/secret.ts'

/** Bytes of one direction in the order they were sent; a flight is what one side sent before the other spoke. */
export interface Flight {
  readonly from: 'client' | 'server'
  readonly bytes: Uint8Array
}

/** The RFC's name for each message of each flight; what is encrypted is opened with the master secret of `keylogLine`. */
export function ladderOf(flights: readonly Flight[], keylogLine: string): string {
  const protections = protectionsOf(flights, new Secret(fromHex(keylogLine.split(' ')[2]!)))
  const lines = ['Client                                               Server', '']
  for (const { from, bytes } of flights) {
    const names = messageNames(bytes, protections[from])
    names.forEach((name, i) => {
      lines.push(lineOf(from, name, i === names.length - 1))
    })
  }
  return lines.join('\n')
}

function lineOf(from: 'client' | 'server', name: string, isLast: boolean): string {
  const arrow = isLast ? (from === 'client' ? '-------->' : '<--------') : '         '
  return (
    from === 'client' ? `${name.padEnd(29)}${arrow}` : `${' '.repeat(29)}${arrow}${name.padStart(21)}`
  ).trimEnd()
}

interface ReadSide {
  protection: Protection
  isProtected: boolean
}

function messageNames(bytes: Uint8Array, side: ReadSide): string[] {
  const joiner = new HandshakeJoiner(2 ** 17)
  const names: string[] = []
  for (let at = 0; at < bytes.length; ) {
    const type = bytes[at]!
    const length = bytes[at + 3]! * 256 + bytes[at + 4]!
    const body = bytes.subarray(at + 5, at + 5 + length)
    at += 5 + length
    const fragment = side.isProtected ? side.protection.unprotect(type, body) : body
    if (type === 20) {
      names.push('[ChangeCipherSpec]')
      side.isProtected = true
    } else if (type === 22) {
      joiner.add(fragment)
      for (let message = joiner.next(); message; message = joiner.next()) names.push(rfcName(message.type))
    } else {
      throw new Error(`a record of type ${type} in a handshake`)
    }
  }
  return names
}

/** `server_hello_done` is the RFC's ServerHelloDone. */
function rfcName(type: number): string {
  const name = handshakeTypeOf(type)
  if (!name) throw new Error(`handshake type ${type}`)
  return name.replace(/(^|_)([a-z])/g, (_, _underscore, letter: string) => letter.toUpperCase())
}

function protectionsOf(
  flights: readonly Flight[],
  masterSecret: Secret,
): Record<'client' | 'server', ReadSide> {
  const hello = (from: 'client' | 'server') => flights.find(flight => flight.from === from)!.bytes
  const bodyOf = (bytes: Uint8Array) => bytes.subarray(9, 9 + bytes[6]! * 65536 + bytes[7]! * 256 + bytes[8]!)
  const clientHello = decodeHandshakeBody('client_hello', bodyOf(hello('client')))
  const serverHello = decodeHandshakeBody('server_hello', bodyOf(hello('server')))
  const suite = cipherSuite(serverHello.cipherSuite as Parameters<typeof cipherSuite>[0])
  const randoms = { clientRandom: clientHello.random, serverRandom: serverHello.random }
  const keys = deriveKeyBlock(nobleProvider, suite, masterSecret, randoms)
  const encryptThenMac =
    serverHello.extensions?.some(({ extensionType }) => extensionType === 'encrypt_then_mac') ?? false
  const readSide = (role: 'client' | 'server'): ReadSide => ({
    protection: createProtection({
      provider: nobleProvider,
      suite,
      keys: keys[role],
      encryptThenMac,
      random: n => new Uint8Array(n),
    }),
    isProtected: false,
  })
  return { client: readSide('client'), server: readSide('server') }
}
