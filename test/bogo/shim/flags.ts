/** The command line that BoringSSL's runner gives a shim: `-name` or `-name value`, known by one of three tables. */

type FlagKind = 'switch' | 'number' | 'numbers' | 'text' | 'base64'

/** Flags that the shim acts on, and what sort of value follows them. */
const used = {
  // The process and its connections.
  port: 'number',
  'shim-id': 'text',
  ipv6: 'switch',
  server: 'switch',
  'is-handshaker-supported': 'switch',
  'resume-count': 'number',
  'resumption-delay': 'number',
  async: 'switch',
  // What is offered and accepted.
  'min-version': 'number',
  'max-version': 'number',
  'no-tls12': 'switch',
  cipher: 'text',
  'server-preference': 'switch',
  curves: 'numbers',
  'verify-prefs': 'numbers',
  'fallback-scsv': 'switch',
  'false-start': 'switch',
  'allow-false-start-without-alpn': 'switch',
  'handshake-twice': 'switch',
  'handshake-never-done': 'switch',
  'host-name': 'text',
  'advertise-alpn': 'text',
  'select-alpn': 'text',
  'select-empty-alpn': 'switch',
  'decline-alpn': 'switch',
  'reject-alpn': 'switch',
  'no-ticket': 'switch',
  'use-ticket-callback': 'switch',
  'use-ticket-aead-callback': 'switch',
  'skip-ticket': 'switch',
  'renew-ticket': 'switch',
  'no-legacy-server-connect': 'switch',
  'renegotiate-ignore': 'switch',
  // Leave to renegotiate, of which we make no use.
  'renegotiate-freely': 'switch',
  'max-cert-list': 'number',
  'max-send-fragment': 'number',
  // Certificates: ours and the peer's.
  'require-any-client-certificate': 'switch',
  'verify-peer': 'switch',
  'verify-fail': 'switch',
  'reverify-on-resume': 'switch',
  'use-custom-verify-callback': 'switch',
  'use-client-ca-list': 'text',
  'enable-ocsp-stapling': 'switch',
  'enable-signed-cert-timestamps': 'switch',
  'use-ocsp-callback': 'switch',
  'set-ocsp-in-callback': 'switch',
  'decline-ocsp-callback': 'switch',
  'fail-ocsp-callback': 'switch',
  'fail-cert-callback': 'switch',
  'fail-early-callback': 'switch',
  'fail-ddos-callback': 'switch',
  // What is done after the handshake.
  'export-keying-material': 'number',
  'export-label': 'text',
  'export-context': 'text',
  'use-export-context': 'switch',
  'tls-unique': 'switch',
  'send-alert': 'switch',
  'shim-writes-first': 'switch',
  'shim-initial-write': 'text',
  'repeat-shim-initial-write': 'number',
  'write-different-record-sizes': 'switch',
  'shim-shuts-down': 'switch',
  'check-close-notify': 'switch',
  // What must have come out.
  'expect-version': 'number',
  'expect-cipher': 'number',
  'expect-curve-id': 'number',
  'expect-peer-signature-algorithm': 'number',
  'expect-peer-verify-pref': 'numbers',
  'expect-certificate-types': 'base64',
  'expect-client-ca-list': 'text',
  'expect-selected-credential': 'number',
  'expect-peer-cert-file': 'text',
  'expect-no-peer-cert': 'switch',
  'expect-verify-result': 'switch',
  'expect-ocsp-response': 'base64',
  'expect-signed-cert-timestamps': 'base64',
  'expect-server-name': 'text',
  'expect-no-server-name': 'switch',
  'expect-alpn': 'text',
  'expect-advertised-alpn': 'text',
  'expect-extended-master-secret': 'switch',
  'expect-secure-renegotiation': 'switch',
  'expect-no-secure-renegotiation': 'switch',
  'expect-session-miss': 'switch',
  'expect-session-id': 'switch',
  'expect-no-session-id': 'switch',
  'expect-no-session': 'switch',
  'expect-ticket-renewal': 'switch',
  'expect-msg-callback': 'text',
  'expect-total-renegotiations': 'number',
} as const satisfies Record<string, FlagKind>

/** Flags of one credential: those after a `-new-x509-credential` describe that one, those before it the default. */
const ofCredential = {
  'cert-file': 'text',
  'key-file': 'text',
  'signing-prefs': 'numbers',
  'ocsp-response': 'base64',
  'signed-cert-timestamps': 'base64',
  'must-match-issuer': 'switch',
} as const satisfies Record<string, FlagKind>

/** Flags that change nothing here, each for its reason. */
const ignored = {
  // The runner's chains are no subject of these tests: BoringSSL's shim does not build paths either.
  'trust-cert': 'text',
  // How an application drives BoringSSL's calls: a Connection has one way.
  'implicit-handshake': 'switch',
  'peek-then-read': 'switch',
  'read-size': 'number',
  'no-op-extra-handshake': 'switch',
  'use-early-callback': 'switch',
  'use-old-client-cert-callback': 'switch',
  'install-ddos-callback': 'switch',
  // Versions and messages that we do not have.
  'no-tls1': 'switch',
  'no-tls11': 'switch',
  'no-tls13': 'switch',
  'expect-no-hrr': 'switch',
  'jdk11-workaround': 'switch',
} as const satisfies Record<string, FlagKind>

/** Flags of the runner that ask for what is not done: exit status 89. docs/conformance.md says why, group by group. */
const notDone = new Set(
  `accepted-peer-cert-types advertise-empty-npn advertise-npn  allow-hint-mismatch
  allow-unknown-alpn-protos alps-use-new-codepoint application-settings available-client-cert-types
  available-trust-anchors cbc-record-splitting cert-properties cnsa-202407 cnsa1-202603 cnsa2-202603 curves-flags
  defer-alps delegated-credential dtls early-write-after-message ech-config-list ech-is-retry-config
  ech-server-config ech-server-key enable-channel-id enable-early-data enable-ech-grease enable-grease
  expect-accept-early-data expect-channel-id expect-cipher-aes expect-cipher-no-aes expect-early-data-reason
  expect-ech-accept expect-ech-name-override expect-ech-retry-configs expect-hrr expect-next-proto
  expect-no-ech-name-override expect-no-ech-retry-configs expect-no-next-proto expect-no-offer-early-data
  expect-no-peer-match-trust-anchor expect-not-resumable-across-names expect-peer-application-settings
  expect-peer-available-trust-anchors expect-peer-certificate-type expect-peer-match-trust-anchor
  expect-peer-rpk-sha256 expect-quic-transport-params expect-reject-early-data expect-resumable-across-names
  expect-server-sent-requested-padding expect-sha256-client-cert expect-ticket-age-skew
  expect-ticket-supports-early-data export-traffic-secrets
  fail-early-callback-ech-rewind  fips-202205 forbid-renegotiation-after-handshake handshake-hints
    handshaker-path handshaker-resume initial-timeout-duration-ms
  install-cert-compression-algs install-one-cert-compression-alg key-shares key-update key-update-before-read
  mtu no-server-name-ack new-delegated-credential new-psk-credential new-rpk-credential
  new-spake2plusv1-credential no-key-shares pake-client-id pake-context pake-password pake-server-id partial-write
  permute-extensions private-key-delay-ms psk psk-identity psk-importer-context
  psk-importer-identity psk-importer-key psk-importer-sha256 psk-importer-sha384 quic quic-early-data-context ticket-key
  quic-transport-params quic-use-legacy-codepoint read-with-unfinished-write reject-unusable-ech-config
  renegotiate-explicit renegotiate-once request-server-padding requested-trust-anchors
  resumption-across-names-enabled retain-only-sha256-client-cert select-empty-next-proto
  select-next-proto send-channel-id server-supported-groups-hint server-supports-padding srtp-profiles
  use-exporter-between-reads wait-for-debugger wpa-202304 write-settings wrong-pake-role`.split(/\s+/),
)

interface ValueOf {
  switch: boolean
  number: number | undefined
  numbers: readonly number[]
  text: string | undefined
  base64: Uint8Array | undefined
}
type Values<T extends Record<string, FlagKind>> = { [K in keyof T]: ValueOf[T[K]] }

export type CredentialOptions = Values<typeof ofCredential>

/** The flags of one connection, and its credentials. */
export interface Options extends Values<typeof used> {
  /** The one that BoringSSL's older interface configures. */
  readonly defaultCredential: CredentialOptions
  /** Those of `-new-x509-credential`, in order of preference. */
  readonly credentials: readonly CredentialOptions[]
}

/** A flag that asks for what this implementation does not do: exit status 89. */
export class NotImplemented extends Error {}

/** The options of the first connection and of those that resume it. Throws NotImplemented, and Error for a flag that nobody knows. */
export function parseFlags(argv: readonly string[]): { initial: Options; resume: Options } {
  const initial = new OptionsBuilder()
  const resume = new OptionsBuilder()
  const rest = [...argv]
  for (let flag = rest.shift(); flag !== undefined; flag = rest.shift()) {
    const { name, isSkipped, connections } = splitPrefix(flag)
    const kind = kindOf(name)
    const value = kind === 'switch' ? undefined : rest.shift()
    if (kind !== 'switch' && value === undefined) throw new Error(`-${name} wants a value`)
    if (isSkipped) continue
    if (connections !== 'resume') initial.set(name, kind, value ?? '')
    if (connections !== 'initial') resume.set(name, kind, value ?? '')
  }
  return { initial: initial.options, resume: resume.options }
}

/** `-on-resume-verify-fail` is `verify-fail` of the connections that resume; a handshaker and a retry there are not. */
function splitPrefix(flag: string) {
  const { prefix = '', name = '' } =
    /^-(?:on-(?<prefix>initial|resume|retry|shim|handshaker)-)?(?<name>.+)$/.exec(flag)?.groups ?? {}
  const connections = prefix === 'initial' || prefix === 'resume' ? prefix : 'all'
  return { name, isSkipped: prefix === 'retry' || prefix === 'handshaker', connections }
}

const newCredential = 'new-x509-credential'

function kindOf(name: string): FlagKind {
  const known: Record<string, FlagKind> = { ...used, ...ofCredential, ...ignored, [newCredential]: 'switch' }
  const kind = known[name]
  if (kind) return kind
  if (notDone.has(name)) throw new NotImplemented(`-${name}`)
  throw new Error(`unknown flag -${name}`)
}

class OptionsBuilder {
  readonly #values = emptyValues(used)
  readonly #defaultCredential = emptyValues(ofCredential)
  readonly #credentials: Record<string, unknown>[] = []

  get options(): Options {
    return {
      ...this.#values,
      defaultCredential: this.#defaultCredential,
      credentials: this.#credentials,
    } as unknown as Options
  }

  set(name: string, kind: FlagKind, value: string): void {
    if (name === newCredential) {
      this.#credentials.push(emptyValues(ofCredential))
      return
    }
    const values = name in ofCredential ? (this.#credentials.at(-1) ?? this.#defaultCredential) : this.#values
    if (kind === 'numbers') values[name] = [...(values[name] as number[]), Number(value)]
    else if (kind === 'number') values[name] = Number(value)
    else if (kind === 'base64') values[name] = new Uint8Array(Buffer.from(value, 'base64'))
    else values[name] = kind === 'switch' ? true : value
  }
}

function emptyValues(flags: Record<string, FlagKind>): Record<string, unknown> {
  const empty = { switch: false, number: undefined, numbers: [], text: undefined, base64: undefined }
  return Object.fromEntries(Object.entries(flags).map(([name, kind]) => [name, empty[kind]]))
}
