/**
 * How the premaster secret comes about (RFC 5246 §7.4.3, §7.4.7; RFC 8422 §5.4, §5.7): ServerKeyExchange and ClientKeyExchange
 * of both sides. In RSA key exchange the first of them is missing.
 */
import { concatBytes } from '../bytes.ts'
import {
  bytesOf,
  type FiniteFieldGroup,
  type FiniteFieldName,
  finiteField,
  finiteFieldName,
  numberOf,
} from '../crypto/finite-fields.ts'
import { type NamedGroup, namedGroups } from '../crypto/named-groups.ts'
import type { KeyShare, PublicKey } from '../crypto/provider.ts'
import type { SignatureScheme } from '../crypto/signature-schemes.ts'
import { TlsError } from '../errors.ts'
import { tls12 } from '../messages/protocol-version.ts'
import {
  type ServerDhParams,
  type ServerEcdhParams,
  type ServerKeyExchange,
  serverDhParams,
  serverEcdhParams,
} from '../messages/server-key-exchange.ts'
import { Secret } from '../secret.ts'
import { encode } from '../wire/codec.ts'
import type { CertifiedKey } from '../x509/certified-key.ts'
import type { Agreed } from './agreement.ts'
import type { ClientFlow } from './client.ts'
import type { Handshake } from './effects.ts'
import type { Flow } from './flow.ts'
import { receive } from './gate.ts'
import type { ServerFlow } from './server.ts'
import { sign, verifySignature } from './signatures.ts'

type Params = ServerDhParams | ServerEcdhParams

/** A server's choice for (EC)DHE: the group, and what it signs with. */
export interface SignedExchange {
  readonly group: NamedGroup
  readonly certified: CertifiedKey
  readonly scheme: SignatureScheme
}

/** Sends a fresh share under the certificate's signature, and keeps its private half for ClientKeyExchange. */
export function* sendServerKeyExchange(
  hs: ServerFlow,
  agreed: Agreed,
  { group, certified, scheme }: SignedExchange,
): Handshake<void> {
  const share = hs.config.provider.keyShare(group, hs.config.random)
  hs.share = share
  const params = paramsOf(group, share)
  const signedParams = yield* sign(certified.key, scheme, signedContent(agreed, params))
  hs.send('server_key_exchange', { params, signedParams } as ServerKeyExchange)
}

/** Waits for the client's share; returns the premaster secret. */
export function* receiveClientShare(hs: ServerFlow, share: KeyShare): Handshake<Secret> {
  const exchange = yield* receive(hs, 'client_key_exchange')
  if ('ecdhYc' in exchange) return agree(share, exchange.ecdhYc, 'ClientKeyExchange')
  if ('dhYc' in exchange) return agree(share, exchange.dhYc, 'ClientKeyExchange')
  throw new TypeError('RSA key exchange has no shares')
}

/** What a client learned from ServerKeyExchange. */
export interface ServerShare {
  /** As the peer sent it. */
  readonly peerPublicKey: Uint8Array
  /** A finite field that RFC 7919 does not list has no name. */
  readonly group: NamedGroup | FiniteFieldGroup
  readonly scheme: SignatureScheme
}

/** Waits for ServerKeyExchange: its group must be one that was offered, and the signature the certificate's (RFC 5246 §7.4.3). */
export function* receiveServerKeyExchange(
  hs: ClientFlow,
  agreed: Agreed,
  publicKey: PublicKey,
): Handshake<ServerShare> {
  const { params, signedParams } = yield* receive(hs, 'server_key_exchange')
  const scheme = verifySignature(hs, publicKey, signedParams, signedContent(agreed, params))
  if ('dhP' in params) return { peerPublicKey: params.dhYs, group: finiteFieldOf(hs, params), scheme }
  const group = hs.groups.find(name => name === params.namedCurve && namedGroups[name].kind === 'ecdhe')
  if (!group)
    throw new TlsError(
      'WRONG_CURVE',
      `ServerKeyExchange is on curve ${params.namedCurve}, which was not offered`,
    )
  return { peerPublicKey: params.public, group, scheme }
}

/** Sends our share, and returns the premaster secret. */
export function sendClientShare(hs: ClientFlow, { peerPublicKey, group }: ServerShare): Secret {
  const share = hs.config.provider.keyShare(group, hs.config.random)
  const preMasterSecret = agree(share, peerPublicKey, 'ServerKeyExchange')
  const { publicKey } = share
  hs.send('client_key_exchange', hs.keyExchange === 'ecdhe' ? { ecdhYc: publicKey } : { dhYc: publicKey })
  return preMasterSecret
}

/** 48 bytes under the server's key: the version that was offered, so that nobody lowers it, and 46 random ones (RFC 5246 §7.4.7.1). */
export function sendEncryptedPreMaster(hs: ClientFlow, key: PublicKey): Secret {
  if (key.type !== 'rsa') throw new TypeError(`a key of type ${key.type} encrypts nothing`)
  const { provider, random } = hs.config
  const drawn = hs.random(46)
  const preMasterSecret = new Secret(concatBytes(new Uint8Array([tls12 >> 8, tls12 & 0xff]), drawn))
  drawn.fill(0)
  hs.send('client_key_exchange', {
    encryptedPreMasterSecret: provider.encryptPkcs1(key, preMasterSecret.reveal(), random),
  })
  return preMasterSecret
}

function agree(share: KeyShare, peerPublicKey: Uint8Array, message: string): Secret {
  const secret = share.agree(peerPublicKey)
  if (!secret)
    throw new TlsError(
      'BAD_KEY_SHARE',
      `${message} holds ${peerPublicKey.length} bytes that are no public key of its group`,
    )
  return secret
}

/** What ServerKeyExchange's signature covers: both randoms and the parameters (RFC 5246 §7.4.3). */
function signedContent({ randoms }: Agreed, params: Params): Uint8Array {
  const bytes = 'dhP' in params ? encode(serverDhParams, params) : encode(serverEcdhParams, params)
  return concatBytes(randoms.clientRandom, randoms.serverRandom, bytes)
}

function paramsOf(group: NamedGroup, share: KeyShare): Params {
  if (namedGroups[group].kind === 'ecdhe')
    return { curveType: 'named_curve', namedCurve: group, public: share.publicKey }
  const { p, g } = finiteField(group as FiniteFieldName)
  return { dhP: bytesOf(p), dhG: bytesOf(g), dhYs: share.publicKey }
}

/**
 * One of RFC 7919's groups by its name, if we offered it; any other by its numbers, whose size the provider judges. A server
 * that does not know RFC 7919 has a group of its own, and the certificate's signature over it is what there is to trust.
 */
function finiteFieldOf(hs: Flow, { dhP, dhG }: ServerDhParams): NamedGroup | FiniteFieldGroup {
  const numbers = { p: numberOf(dhP), g: numberOf(dhG) }
  const name = finiteFieldName(numbers)
  return name && hs.groups.includes(name) ? name : numbers
}
