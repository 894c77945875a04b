/**
 * Inputs without a random number, and the ways a vector file writes bytes.
 *
 * @typedef {string | { repeat: string, count: number } | { concat: ByteSpec[] }} ByteSpec
 *   hex, or a hex unit repeated, or parts joined
 * @typedef {{ sha256: string, length: number }} ByteDigest stands for bytes too long to be written down
 */
import { createHash } from 'node:crypto'

/** Joined SHA-256("label/0"), SHA-256("label/1"), ..., cut to `length` bytes. */
export function bytesFrom(label, length) {
  const blocks = []
  for (let i = 0; i * 32 < length; i++) blocks.push(createHash('sha256').update(`${label}/${i}`).digest())
  return Buffer.concat(blocks).subarray(0, length)
}

/** The bytes a ByteSpec stands for. */
export function expand(spec) {
  if (typeof spec === 'string') return Buffer.from(spec, 'hex')
  if ('repeat' in spec) return Buffer.from(spec.repeat.repeat(spec.count), 'hex')
  return Buffer.concat(spec.concat.map(expand))
}

/** Hex where `bytes` are few, else their digest and length. */
export function hexOrDigest(bytes, longest = 600) {
  if (bytes.length <= longest) return bytes.toString('hex')
  return { sha256: createHash('sha256').update(bytes).digest('hex'), length: bytes.length }
}
