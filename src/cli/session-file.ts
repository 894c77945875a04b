import { ApiMisuse, TlsError } from '../errors.ts'
import {
  type ClientSession,
  decodeClientSession,
  type OfferTerms,
  reasonNotToOffer,
} from '../session/client-session.ts'
import type { Session } from '../session/session.ts'
import { parsePem } from '../x509/pem.ts'
import { UsageError } from './failures.ts'
import { readTextFile, writeSecretFile } from './files.ts'

const label = 'RINGTLS SESSION'

/** Writes what `getSession()` gave, with mode 0600 and with lines above it that say what it is. */
export function writeSessionFile(path: string, bytes: Uint8Array): void {
  const client = decodeClientSession(bytes)
  const base64 = Buffer.from(bytes).toString('base64').replace(/.{64}/g, '$&\n').trimEnd()
  client.session.masterSecret.wipe()
  const text = `${describe(client)}-----BEGIN ${label}-----\n${base64}\n-----END ${label}-----\n`
  writeSecretFile(path, text, '--session-out')
}

/** Reads such a file; throws UsageError for one that is none. */
export function readSessionFile(path: string): { bytes: Uint8Array; client: ClientSession } {
  try {
    const block = parsePem(readTextFile(path, '--session-in'), path).find(block => block.label === label)
    if (!block)
      throw new UsageError(`--session-in ${path}: holds no ${label} block; wanted what --session-out wrote`)
    return { bytes: block.bytes, client: decodeClientSession(block.bytes) }
  } catch (error) {
    if (!(error instanceof TlsError || error instanceof ApiMisuse)) throw error
    throw new UsageError(
      `--session-in ${path}: is not as --session-out wrote it (${error.message}); make a new one`,
    )
  }
}

/** Why a session cannot be offered, in words; `undefined` when it can. */
export function whyNotOffered({
  client,
  terms,
}: {
  client: ClientSession
  terms: OfferTerms
}): string | undefined {
  const { session } = client
  switch (reasonNotToOffer(client, terms)) {
    case 'server_name':
      return `it was made with "${session.serverName}", and this connection is to "${terms.peerName}"`
    case 'unverified':
      return 'it was made without verifying the server, and --ca asks for a verified one'
    case 'suite':
      return `its cipher suite ${session.cipherSuite} is not among --ciphers`
    case 'expired':
      return `it expired at ${expiryOf(session)}`
    case undefined:
      return undefined
  }
}

function describe({ ticket, session, verified }: ClientSession): string {
  const lines = [
    ['server name', session.serverName],
    ['verified', yesOrNo(verified)],
    ['cipher suite', session.cipherSuite],
    ['extended master secret', yesOrNo(session.extendedMasterSecret)],
    ['offered by', ticket ? 'ticket' : 'session ID'],
    ['expires', `${expiryOf(session)}, or when its server says so`],
  ]
  const told = lines.map(([name, value]) => `${name}: ${value}\n`).join('')
  return `A TLS session of ringtls. It holds a master secret: who reads it can read the session's traffic.\n${told}`
}

function expiryOf({ createdMs, lifetimeSeconds }: Session): string {
  return new Date(createdMs + lifetimeSeconds * 1000).toISOString()
}

const yesOrNo = (condition: boolean) => (condition ? 'yes' : 'no')
