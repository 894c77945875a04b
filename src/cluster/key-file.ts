/**
 * The cluster key as a document:
 * `{"keys":[{"epoch":1,"notBefore":"2025-01-31T12:00:00Z","notAfter":null,"key":"43 characters"}]}`.
 * Times are ISO 8601 in UTC, since people edit them; `notAfter` is null until a successor is added; `key` is
 * 32 bytes in base64url.
 */
import { Secret } from '../secret.ts'
import { base64url32, fromBase64url, toBase64url } from './base64url.ts'
import type { KeyPeriod } from './epoch-keys.ts'
import { JsonField } from './json-field.ts'

/** One line of the document: when a key may be used, and the key. */
export interface KeyEntry {
  readonly period: KeyPeriod
  readonly key: Secret
}

export const maxEpoch = 0xffff_ffff

/** A file may be long with epochs that are over; a thousand of them is a mistake. */
const maxEntries = 1000

/**
 * Reads the document, epochs that are over included, in the file's order. Throws ApiMisuse in one line that
 * names the field, says what to do and quotes nothing of the text.
 * @param name what errors call the document: its path, or an environment variable
 * @returns the field `keys`, for what is to be said of all of them, and its entries
 */
export function parseKeyFile(
  text: string,
  name: string,
): { readonly field: JsonField; readonly entries: readonly KeyEntry[] } {
  const root = JsonField.parse(text, { name, secret: true })
  const field = root.members(['keys']).keys
  return { field, entries: field.items(1, maxEntries).map(readEntry) }
}

/** The document again: who writes it somewhere gives it mode 0600. */
export function keyFileText(entries: readonly KeyEntry[]): string {
  const keys = entries.map(({ period: { epoch, notBeforeMs, notAfterMs }, key }) => ({
    epoch,
    notBefore: new Date(notBeforeMs).toISOString(),
    notAfter: notAfterMs === Number.POSITIVE_INFINITY ? null : new Date(notAfterMs).toISOString(),
    key: toBase64url(key.reveal()),
  }))
  return `${JSON.stringify({ keys }, undefined, 2)}\n`
}

/** Throws ApiMisuse when two of the entries cannot be told apart by the six bits of a session ID. */
export function refuseSharedBits(field: JsonField, entries: readonly KeyEntry[]): void {
  const epochOfBits = new Map<number, number>()
  for (const { period } of entries) {
    const other = epochOfBits.get(period.epoch % 64)
    if (other !== undefined) {
      field.fail(`epochs that differ modulo 64, which ${other} and ${period.epoch} do not; remove one`)
    }
    epochOfBits.set(period.epoch % 64, period.epoch)
  }
}

function readEntry(field: JsonField): KeyEntry {
  const { epoch, notBefore, notAfter, key } = field.members(['epoch', 'notBefore', 'notAfter', 'key'])
  const period = {
    epoch: epoch.integer(0, maxEpoch),
    notBeforeMs: timeOf(notBefore),
    notAfterMs: notAfter.isNull ? Number.POSITIVE_INFINITY : timeOf(notAfter),
  }
  if (period.notAfterMs <= period.notBeforeMs) notAfter.fail('a time after notBefore')
  const text = key.text(base64url32, '32 bytes in base64url (43 characters); make a file with `ringtls init`')
  return { period, key: new Secret(fromBase64url(text)) }
}

const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?Z$/

function timeOf(field: JsonField): number {
  const need = 'a time in UTC such as 2025-01-31T12:00:00Z'
  const timeMs = Date.parse(field.text(isoTime, need))
  return Number.isNaN(timeMs) ? field.fail(need) : timeMs
}
