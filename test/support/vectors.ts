/** Reads the files of vectors/, whose format is described in vectors/README.md. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { test } from 'vitest'
import { concatBytes, fromHex, toHex } from '../../src/bytes.ts'
import type { CipherSuiteName } from '../../src/crypto/cipher-suites.ts'
import type { AlertDescription } from '../../src/errors.ts'

/** Hex, a hex unit repeated, or parts joined. */
export type ByteSpec = string | { repeat: string; count: number } | { concat: ByteSpec[] }
/** Stands for bytes too long to be written down. */
export interface ByteDigest {
  sha256: string
  length: number
}

interface Common {
  tcId: number
  id: string
  comment: string
  result: 'valid' | 'invalid'
  rfc: string[]
  level: 'MUST' | 'SHOULD' | 'MAY' | 'POLICY'
  flags: string[]
  oracles: Record<string, string>
}

interface WriteKeysHex {
  macKey: string
  key: string
  iv: string
}

interface RecordVector extends Common, WriteKeysHex {
  suite: CipherSuiteName
  encryptThenMac: boolean
  sequenceNumber: string
  contentType: number
}

/** The vector of each kind. */
export interface Vectors {
  prf: Common & {
    hash: 'sha256' | 'sha384'
    secret: string
    label: string
    seed: string
    length: number
    output: string
  }
  master_secret: Common & {
    suite: CipherSuiteName
    preMasterSecret: string
    clientRandom: string
    serverRandom: string
    masterSecret: string
  }
  ems: Common & { suite: CipherSuiteName; preMasterSecret: string; sessionHash: string; masterSecret: string }
  key_block: Common & {
    suite: CipherSuiteName
    masterSecret: string
    clientRandom: string
    serverRandom: string
    keyBlock: string
    client: WriteKeysHex
    server: WriteKeysHex
  }
  verify_data: Common & {
    suite: CipherSuiteName
    role: 'client' | 'server'
    masterSecret: string
    handshakeHash: string
    verifyData: string
  }
  exporter: Common & {
    suite: CipherSuiteName
    masterSecret: string
    clientRandom: string
    serverRandom: string
    label: string
    /** null: no context, which is not the same as an empty one. */
    context: ByteSpec | null
    length: number
    keyingMaterial: string
  }
  record_protect: RecordVector & {
    plaintext: ByteSpec
    recordIv: string
    paddingLength: number | null
    fragment: string | ByteDigest
  }
  record_open: RecordVector & {
    fragment: ByteSpec
    plaintext?: string | ByteDigest
    paddingLength?: number | null
    expect?: { outcome: 'alert'; alerts: AlertDescription[]; preferred: AlertDescription }
  }
}
export type VectorKind = keyof Vectors

export interface VectorFile<Test> {
  schema: string
  suite: 'tls12-vectors'
  version: number
  kind: string
  notes: Record<string, { bugType: string; description: string; rfc: string; cve: string[] }>
  numberOfTests: number
  tests: Test[]
}

/** All kinds there are. */
export const vectorKinds = [
  'prf',
  'master_secret',
  'ems',
  'key_block',
  'verify_data',
  'exporter',
  'record_protect',
  'record_open',
] as const satisfies readonly VectorKind[]

/** The file of a kind. Its structure is checked by test/vectors/schema.test.ts. */
export function vectorFile<Kind extends VectorKind>(kind: Kind): VectorFile<Vectors[Kind]> {
  return JSON.parse(
    readFileSync(new URL(`../../vectors/${kind}.json`, import.meta.url), 'utf8'),
  ) as VectorFile<Vectors[Kind]>
}

/** The bytes a ByteSpec stands for. */
export function expand(spec: ByteSpec): Uint8Array {
  if (typeof spec === 'string') return fromHex(spec)
  if ('repeat' in spec) return fromHex(spec.repeat.repeat(spec.count))
  return concatBytes(...spec.concat.map(expand))
}

/** `bytes` in the way in which `expected` is written, so that a failing test shows both. */
export function writtenLike(expected: string | ByteDigest, bytes: Uint8Array): string | ByteDigest {
  if (typeof expected === 'string') return toHex(bytes)
  return { sha256: createHash('sha256').update(bytes).digest('hex'), length: bytes.length }
}

/** A test for each vector, named by its id. (`test.each` would cut the id to forty characters.) */
export function testVectors<Vector extends { id: string; comment: string }>(
  vectors: readonly Vector[],
  run: (vector: Vector) => void,
): void {
  for (const vector of vectors) test(`${vector.id}: ${vector.comment}`, () => run(vector))
}
