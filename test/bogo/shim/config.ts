/** From the runner's flags to the configuration of a Connection. */
import type { ClientConfig, CommonConfig, ServerConfig } from '../../../src/handshake/config.ts'
import { nobleProvider } from '../../../src/providers/noble/index.ts'
import type { ClientSession } from '../../../src/session/client-session.ts'
import { defaultGroups, defaultVerifySchemes, random, sessionLifetimeSeconds } from './defaults.ts'
import { NotImplemented, type Options } from './flags.ts'
import { groupsOf, schemesOf, suitesOf } from './names.ts'
import { sealTicket } from './tickets.ts'

/** Milliseconds since 1970, moved on by `-resumption-delay`. */
export interface Clock {
  readonly now: () => number
}

const tls12 = 0x0303

/** Throws NotImplemented for a range of versions without TLS 1.2. */
export function requireImplemented(options: Options): void {
  const { 'min-version': min = tls12, 'max-version': max = tls12 } = options
  if (min > tls12 || max < tls12 || options['no-tls12']) throw new NotImplemented(`versions ${min} to ${max}`)
}

export function serverConfig(options: Options, clock: Clock): ServerConfig {
  const isSkipped = options['skip-ticket']
  return {
    ...commonConfig(options, clock),
    role: 'server',
    drawSessionId: draw => draw(32),
    acceptV2Hello: true,
    clientAuth: clientAuthOf(options),
    certificateAuthorities: namesOf(options['use-client-ca-list']),
    // BoringSSL's order is the client's, unless the server was given one.
    preferClientOrder: options.cipher === undefined && !options['server-preference'],
    ...protocolChoice(options),
    ...(options['no-ticket']
      ? {}
      : { sealTicket: session => (isSkipped ? new Uint8Array() : sealTicket(session)) }),
  }
}

export function clientConfig(
  options: Options,
  clock: Clock,
  session: ClientSession | undefined,
): ClientConfig {
  const protocols = options['advertise-alpn']
  return {
    ...commonConfig(options, clock),
    role: 'client',
    session,
    serverName: options['host-name'],
    tickets: !options['no-ticket'],
    requestOcspResponse: options['enable-ocsp-stapling'],
    requestSignedCertificateTimestamps: options['enable-signed-cert-timestamps'],
    fallback: options['fallback-scsv'],
    falseStart: options['false-start'],
    requireSecureRenegotiation: options['no-legacy-server-connect'],
    ignoreHelloRequests: options['renegotiate-ignore'],
    ...(protocols === undefined ? {} : { alpnProtocols: protocolNamesOf(protocols) }),
  }
}

function commonConfig(options: Options, { now }: Clock): CommonConfig {
  const { cipher, curves, 'verify-prefs': schemes, 'max-cert-list': maxCertList } = options
  return {
    provider: nobleProvider,
    random,
    now,
    sessionLifetimeSeconds,
    groups: curves.length > 0 ? groupsOf(curves) : defaultGroups,
    signatureSchemes: schemesOf(schemes).length > 0 ? schemesOf(schemes) : defaultVerifySchemes,
    ...(cipher === undefined ? {} : { cipherSuites: suitesOf(cipher) }),
    ...(maxCertList === undefined ? {} : { limits: { maxHandshakeMessageBytes: maxCertList } }),
  }
}

/** `-verify-peer` asks and takes no for an answer, whatever else is there. */
export function clientAuthOf(options: Options): 'none' | 'request' | 'require' {
  if (options['verify-peer']) return 'request'
  return options['require-any-client-certificate'] ? 'require' : 'none'
}

function protocolChoice(options: Options): Pick<ServerConfig, 'selectProtocol'> {
  const {
    'select-alpn': selected,
    'select-empty-alpn': isEmpty,
    'expect-advertised-alpn': expected,
  } = options
  if (options['decline-alpn']) return { selectProtocol: () => false }
  if (options['reject-alpn']) return { selectProtocol: () => undefined }
  if (selected === undefined && !isEmpty) return {}
  return {
    selectProtocol: offered => {
      if (expected !== undefined && protocolNamesOf(expected).join() !== offered.join())
        throw new Error(`the client offers the protocols ${offered.join()}`)
      return selected ?? ''
    },
  }
}

/** A list of names, each with its length in one byte before it, as ALPN has it on the wire. */
export function protocolNamesOf(list: string): string[] {
  const names: string[] = []
  for (let at = 0; at < list.length; ) {
    const end = at + 1 + list.charCodeAt(at)
    names.push(list.slice(at + 1, end))
    at = end
  }
  return names
}

/** Distinguished names in DER: hexadecimal, joined by commas; two words stand for none at all. */
export function namesOf(list: string | undefined): Uint8Array[] {
  if (list === undefined || list === '<NULL>' || list === '<EMPTY>') return []
  return list.split(',').map(name => new Uint8Array(Buffer.from(name, 'hex')))
}
