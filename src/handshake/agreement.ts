import { type CipherSuiteName, cipherSuite } from '../crypto/cipher-suites.ts'
import { deriveExtendedMasterSecret, deriveMasterSecret, type Randoms } from '../crypto/key-schedule.ts'
import { tls12 } from '../messages/protocol-version.ts'
import type { Secret } from '../secret.ts'
import type { Session } from '../session/session.ts'
import type { Flow } from './flow.ts'

/** What the two hellos settled. */
export interface Agreed {
  readonly suite: CipherSuiteName
  /** As ServerHello has it: empty, new, or the echo of the offered one. */
  readonly sessionId: Uint8Array
  readonly extendedMasterSecret: boolean
  readonly encryptThenMac: boolean
  readonly randoms: Randoms
}

/** The master secret of a full handshake (RFC 5246 §8.1, RFC 7627 §4). Wipes the premaster secret, as RFC 5246 §8.1 asks. */
export function deriveMaster(hs: Flow, agreed: Agreed, preMasterSecret: Secret): Secret {
  const suite = cipherSuite(agreed.suite)
  const { provider } = hs.config
  try {
    // The session hash ends with ClientKeyExchange, the last message so far (RFC 7627 §3).
    return agreed.extendedMasterSecret
      ? deriveExtendedMasterSecret(provider, suite, preMasterSecret, hs.transcript.digest())
      : deriveMasterSecret(provider, suite, preMasterSecret, agreed.randoms)
  } finally {
    preMasterSecret.wipe()
  }
}

/** The session of a full handshake that just ended; its clock starts now. */
export function newSession(
  hs: Flow,
  agreed: Agreed,
  made: Pick<Session, 'masterSecret' | 'serverName' | 'policyHash' | 'peerCertificate'>,
): Session {
  return {
    protocolVersion: tls12,
    cipherSuite: agreed.suite,
    extendedMasterSecret: agreed.extendedMasterSecret,
    clientAuthenticated: false,
    maxFragmentLengthCode: 0,
    createdMs: hs.config.now(),
    lifetimeSeconds: hs.sessionLifetimeSeconds,
    clientRandom: agreed.randoms.clientRandom,
    serverRandom: agreed.randoms.serverRandom,
    ...made,
  }
}
