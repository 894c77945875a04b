/** Which of the runner's tests are about TLS 1.2 over a stream: the denominator of docs/conformance.md. */
import type { ListedConnection, ListedTest } from './runner.ts'

const versions = [0x0301, 0x0302, 0x0303, 0x0304] as const
const tls12 = 0x0303
const tls13 = 0x0304

/**
 * A test counts when its protocol is TLS and TLS 1.2 is what each of its connections comes to: the version that the test wants to
 * come out, or the best that the runner's side and the shim's flags both allow, or whatever the shim does where neither says a
 * word. Not counted are tests of the features below, which no TLS 1.2 of the IETF has.
 */
export function isInScope(test: ListedTest): boolean {
  const isOfTls12 = test.protocol === 'TLS' && test.connections.every(connection => isTls12(connection, test))
  return isOfTls12 && otherFeatureOf(test) === undefined
}

function isTls12(connection: ListedConnection, { name, flags }: ListedTest): boolean {
  const { minVersion, maxVersion, expectedVersion } = connection
  if (expectedVersion !== 0) return expectedVersion === tls12
  const allowed = versionsOf(connection, flags ?? [])
  const best = allowed.at(-1)
  const isOpen = maxVersion === 0 && minVersion === 0 && !/TLS13/.test(name)
  return best === tls12 || (best === tls13 && isOpen && allowed.includes(tls12))
}

/** The versions that both sides can do. */
function versionsOf({ minVersion, maxVersion }: ListedConnection, flags: readonly string[]): number[] {
  let [min, max] = [minVersion, maxVersion || tls13]
  const refused = new Set<number>()
  for (const [i, flag] of flags.entries()) {
    const name = flag.replace(/^-on-(initial|resume|retry|shim)/, '')
    const value = Number(flags[i + 1])
    if (name === '-min-version') min = Math.max(min, value)
    if (name === '-max-version') max = Math.min(max, value)
    const version = versionFlags[name]
    if (version) refused.add(version)
  }
  return versions.filter(version => version >= min && version <= max && !refused.has(version))
}

const versionFlags: Readonly<Record<string, number>> = {
  '-no-tls1': 0x0301,
  '-no-tls11': 0x0302,
  '-no-tls12': 0x0303,
  '-no-tls13': 0x0304,
}

/** A feature that is no part of TLS 1.2 as the IETF has it, or of another version: by the runner's group, by name or by flag. */
interface OtherFeature {
  readonly feature: string
  readonly groups?: RegExp
  readonly names?: RegExp
  readonly flags?: RegExp
}

const otherFeatures: readonly OtherFeature[] = [
  { feature: 'compliance policies of BoringSSL', groups: /^CompliancePolicy$/ },
  { feature: 'raw public keys (RFC 7250)', groups: /^RawPublicKey$/, names: /RawPublicKey|CertificateType/ },
  { feature: 'Channel ID', names: /ChannelID/ },
  {
    feature: 'next protocol negotiation (NPN), ALPS',
    names: /NPN|ALPS|NextProtocol/,
    flags: /^-(select-next-proto|advertise-npn|advertise-empty-npn|application-settings)$/,
  },
  { feature: 'encrypted client hello', groups: /^EncryptedClientHello$/ },
  {
    feature: 'PAKE, trust anchors, delegated credentials',
    groups: /^(PAKE|TrustAnchor|DelegatedCredential)$/,
  },
  {
    feature: 'TLS 1.3, its key shares and its way of choosing a version',
    groups: /^(TLS13\w*|PSK|JDK11Workaround|CertCompression|KeyUpdate|ServerPadding|ExportTrafficSecrets)$/,
    names:
      /EarlyData|MLKEM|PostQuantum|MultiplePQ|^Downgrade-|VersionNegotiationExtension|SupportedVersions|ConflictingVersion/,
  },
  { feature: 'QUIC, DTLS', groups: /^DTLS\w*$/, names: /QUICTransportParams|SRTP/ },
  { feature: 'handshake hints', groups: /^HintMismatch$/, names: /-Hints$/ },
]

/** The feature that takes a test out of scope, if any. */
export function otherFeatureOf({ name, group, flags }: ListedTest): string | undefined {
  return otherFeatures.find(
    other =>
      other.groups?.test(group) ||
      other.names?.test(name) ||
      flags?.some(flag => other.flags?.test(flag.replace(/^-on-(initial|resume|retry|shim)/, ''))),
  )?.feature
}
