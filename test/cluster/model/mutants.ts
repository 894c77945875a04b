/** The sources with one rule taken out, each of which the model must find. They exist in the bundles of load.ts alone. */
import type { Edit } from './load.ts'
import type { Rule } from './rules.ts'

export interface Mutant {
  readonly name: string
  /** The rule by which it is found. */
  readonly rule: Rule
  readonly edits: readonly Edit[]
}

const resumption = 'handshake/resumption.ts'
const policyCheck =
  "if (!equalBytes(session.policyHash, policy.policyHash) || !meetsClientAuth(hs, session)) return 'policy'"

export const mutants: readonly Mutant[] = [
  {
    name: 'the tag of an ID is not compared',
    rule: 'foreign_id',
    edits: [
      {
        file: 'cluster/session-ids.ts',
        find: "equalBytes(tagOf(keys, id.subarray(0, headBytes)), id.subarray(headBytes)) ? keys : 'foreign_id'",
        put: 'keys',
      },
    ],
  },
  {
    name: 'a record says nothing of the place it is for, and IDs have no tag: an ID that nobody drew',
    rule: 'known_id',
    edits: [
      {
        file: 'cluster/session-ids.ts',
        find: "equalBytes(tagOf(keys, id.subarray(0, headBytes)), id.subarray(headBytes)) ? keys : 'foreign_id'",
        put: 'keys',
      },
      ...unboundRecords(),
    ],
  },
  {
    name: 'a record says nothing of the place it is for',
    rule: 'master_secret',
    edits: unboundRecords(),
  },
  {
    name: 'the server name is not compared',
    rule: 'server_name',
    edits: [
      {
        file: resumption,
        find: "if (session.serverName !== (offer.serverName ?? '')) return 'server_name'",
        put: '',
      },
    ],
  },
  {
    name: 'the suite need not be offered again',
    rule: 'suite',
    edits: [
      { file: resumption, find: '!offer.hello.cipherSuites.includes(session.cipherSuite) ||', put: '' },
    ],
  },
  {
    name: 'the suite need not be allowed any more',
    rule: 'suite',
    edits: [{ file: resumption, find: '||\n    !hs.cipherSuites.includes(session.cipherSuite)', put: '' }],
  },
  {
    name: 'the extended master secret is not compared',
    rule: 'ems',
    edits: [{ file: resumption, find: 'extendedMasterSecretMismatch(hs, offer, session) ??', put: '' }],
  },
  {
    name: 'the terms are not compared',
    rule: 'policy',
    edits: [
      {
        file: resumption,
        find: policyCheck,
        put: "if (!meetsClientAuth(hs, session)) return 'policy'",
      },
    ],
  },
  {
    name: 'neither terms nor client certificate are looked at',
    rule: 'client_auth',
    edits: [{ file: resumption, find: policyCheck, put: '' }],
  },
  {
    name: 'a resumed connection shows no client certificate',
    rule: 'peer_certificate',
    edits: [
      {
        file: 'handshake/server.ts',
        find: 'peerCertificates: session.peerCertificate.length > 0 ? [session.peerCertificate] : [],',
        put: 'peerCertificates: [],',
      },
    ],
  },
  {
    name: 'no session is too old',
    rule: 'expired',
    edits: [{ file: 'session/session.ts', find: 'return ageMs >= lifetimeMs ||', put: 'return' }],
  },
  {
    name: 'a session may come from the future',
    rule: 'expired',
    edits: [{ file: 'session/session.ts', find: '|| ageMs < -clockSkewToleranceMs', put: '' }],
  },
  {
    name: 'a key opens after its time',
    rule: 'epoch',
    edits: [
      {
        file: 'cluster/keys.ts',
        find: 'keys.epoch % 64 === bits && nowMs <= keys.notAfterMs',
        put: 'keys.epoch % 64 === bits',
      },
      {
        file: 'cluster/keys.ts',
        find: 'keys.epoch === epoch && nowMs <= keys.notAfterMs',
        put: 'keys.epoch === epoch',
      },
      {
        file: 'cluster/keys.ts',
        find: 'entries.filter(({ period }) => nowMs <= period.notAfterMs)',
        put: 'entries',
      },
    ],
  },
  {
    name: 'a node keeps no tombstones',
    rule: 'revoked',
    edits: [
      {
        file: 'cluster/record-memory.ts',
        find: 'if (!this.#tombstones.has(key)) this.#tombstones.set(key, true, { ttl: Math.max(1, ttl) })',
        put: 'void ttl',
      },
    ],
  },
  {
    name: 'a node that says "gone" does not end the read',
    rule: 'gone',
    edits: [
      {
        file: 'cluster/http-session-store.ts',
        find: "if (found === 'gone') {",
        put: "if (found === 'gone') return\n        if (waitingFor < 0) {",
      },
    ],
  },
  {
    name: 'a fatal alert deletes nothing',
    rule: 'healed',
    edits: [
      {
        file: 'cluster/cluster-session-cache.ts',
        find: 'this.#records.delete(keys.storageKey(id))',
        put: '',
      },
    ],
  },
  {
    name: 'a node that is not there ends the handshake',
    rule: 'handshake',
    edits: [
      {
        file: 'cluster/shared-records.ts',
        find: "return { miss: signal.aborted ? 'timeout' : missReasonOf(error) }",
        put: 'throw error',
      },
      {
        file: 'driver/driver.ts',
        find: "() => settle({ miss: 'error' }),",
        put: '() => this.fail(new TlsError("INTERNAL_ERROR", "the store failed")),',
      },
    ],
  },
  {
    name: 'a look-up has no budget',
    rule: 'budget',
    edits: [
      {
        file: 'driver/driver.ts',
        find: 'const defaultLookupTimeoutMs = 50',
        put: 'const defaultLookupTimeoutMs = 5000',
      },
      { file: 'cluster/time-budget.ts', find: '{ readTimeoutMs: 50,', put: '{ readTimeoutMs: 5000,' },
    ],
  },
  {
    name: 'a breaker never closes again',
    rule: 'healed',
    edits: [
      {
        file: 'cluster/circuit-breaker.ts',
        find: 'return ageMs >= this.#coolDownMs || ageMs < 0',
        put: 'return ageMs < 0 && ageMs > 0',
      },
    ],
  },
  {
    name: 'a rotation of the key drops the one before',
    rule: 'healed',
    edits: [
      {
        file: 'cluster/keys.ts',
        find: 'keys.epoch % 64 === bits && nowMs <= keys.notAfterMs',
        put: 'keys.epoch % 64 === bits && keys === this.current(nowMs)',
      },
    ],
  },
]

function unboundRecords(): readonly Edit[] {
  const file = 'cluster/sealed-record.ts'
  return [
    { file, find: 'concatBytes(head, storageKey), plaintext', put: 'head, plaintext' },
    {
      file,
      find: 'concatBytes(sealed.subarray(0, headBytes), storageKey)',
      put: 'sealed.subarray(0, headBytes)',
    },
  ]
}
