/**
 * How a session node knows that a request comes from a server of its cluster. HMAC-SHA256 under the epoch's
 * request key over these lines, each ended by a line feed:
 *
 *     ringtls request v1
 *     PUT                                   method
 *     /v1/sessions/{43 base64url}           path
 *     b                                     ID of the node that is asked
 *     600000                                TTL header as sent, or nothing
 *     {43 base64url}                        digest of the sender's cluster_info as sent
 *     {43 base64url}                        SHA-256 of the body
 *     1738324800000                         time, ms since 1970
 *     {22 base64url}                        nonce, 16 bytes
 *
 * It travels as `authorization: ringtls-hmac-sha256 epoch=1,time=...,nonce=...,mac=...`. Replies carry no MAC:
 * a record is sealed, and a forged 404 costs a full handshake, which who can forge it could cause anyway.
 */
import { asciiBytes, equalBytes } from '../bytes.ts'
import type { CryptoProvider, RandomBytes } from '../crypto/provider.ts'
import { base64url16, base64url32, fromBase64url, toBase64url } from './base64url.ts'
import type { EpochKeys } from './epoch-keys.ts'
import type { ClusterKeys } from './keys.ts'

/** The name of the scheme in `authorization` and `www-authenticate`. */
export const signatureScheme = 'ringtls-hmac-sha256'
/** Milliseconds the record has left to live, in decimal. */
export const lifetimeHeader = 'ringtls-ttl-ms'
/** The digest of the sender's cluster_info, in requests and replies, so that a mismatch is seen. */
export const digestHeader = 'ringtls-cluster-digest'

/** How far the sender's clock may be from the node's, either way. */
export const clockWindowMs = 30_000
/** How long a nonce must be remembered: a request is good from 30 s before its time to 30 s after. */
export const nonceMemoryMs = 2 * clockWindowMs

/** What is signed, apart from time and nonce. Header values are strings as they travel; '' for an absent one. */
export interface SignedRequest {
  readonly method: string
  readonly path: string
  readonly nodeId: string
  readonly lifetime: string
  readonly digest: string
  readonly body: Uint8Array
}

export interface Signer {
  readonly keys: EpochKeys
  readonly provider: CryptoProvider
  readonly random: RandomBytes
  readonly nowMs: number
}

/** The value of the `authorization` header. Every call draws a new nonce: a signature is good for one request. */
export function signRequest(request: SignedRequest, { keys, provider, random, nowMs }: Signer): string {
  const time = String(Math.floor(nowMs))
  const nonce = toBase64url(random(16))
  const mac = keys.requestMac(canonicalBytes(request, { time, nonce }, provider))
  return `${signatureScheme} epoch=${keys.epoch},time=${time},nonce=${nonce},mac=${toBase64url(mac)}`
}

export interface Verifier {
  readonly keys: ClusterKeys
  readonly provider: CryptoProvider
  readonly nowMs: number
}

/**
 * The nonce of a good signature, which the caller must not have seen before; else why it is not good. The MAC
 * comes before the time, so that `clock_skew` counts our own servers' clocks and no stranger's guesses.
 */
export function verifyRequest(
  request: SignedRequest,
  authorization: string | undefined,
  { keys, provider, nowMs }: Verifier,
): { readonly nonce: string } | SignatureFault {
  const parts = authorizationForm.exec(authorization ?? '')?.groups
  if (parts === undefined) return 'malformed'
  const { epoch, time, nonce, mac } = parts as Record<'epoch' | 'time' | 'nonce' | 'mac', string>
  if (!base64url16.test(nonce) || !base64url32.test(mac)) return 'malformed'
  const epochKeys = keys.ofEpoch(Number(epoch), nowMs)
  if (epochKeys === undefined) return 'unknown_epoch'
  const expected = epochKeys.requestMac(canonicalBytes(request, { time, nonce }, provider))
  if (!equalBytes(expected, fromBase64url(mac))) return 'wrong_mac'
  if (Math.abs(nowMs - Number(time)) > clockWindowMs) return 'clock_skew'
  return { nonce }
}

export type SignatureFault = 'malformed' | 'unknown_epoch' | 'wrong_mac' | 'clock_skew'

const authorizationForm = new RegExp(
  `^${signatureScheme} epoch=(?<epoch>\\d{1,10}),time=(?<time>\\d{1,15}),nonce=(?<nonce>[\\w-]{22}),mac=(?<mac>[\\w-]{43})$`,
)

function canonicalBytes(
  request: SignedRequest,
  { time, nonce }: { time: string; nonce: string },
  provider: CryptoProvider,
): Uint8Array {
  const { method, path, nodeId, lifetime, digest, body } = request
  const bodyHash = toBase64url(provider.hash('sha256').update(body).digest())
  const lines = ['ringtls request v1', method, path, nodeId, lifetime, digest, bodyHash, time, nonce]
  return asciiBytes(lines.map(line => `${line}\n`).join(''))
}
