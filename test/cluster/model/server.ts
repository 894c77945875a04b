/** One server of the modelled cluster, put together from the sources as `ringtls server --node` is: TLS, session cache and session node. */
import { constants, createHmac, createPrivateKey, privateDecrypt } from 'node:crypto'
import { toBase64url } from '../../../src/cluster/base64url.ts'
import type { ClusterInfo } from '../../../src/cluster/cluster-info.ts'
import { ClusterSessionCache } from '../../../src/cluster/cluster-session-cache.ts'
import { HttpSessionStore } from '../../../src/cluster/http-session-store.ts'
import { type ClusterKeys, parseClusterKeys } from '../../../src/cluster/keys.ts'
import { type Membership, membershipOf } from '../../../src/cluster/membership.ts'
import { OwnerChoice } from '../../../src/cluster/owner-choice.ts'
import { digestHeader, lifetimeHeader, signRequest } from '../../../src/cluster/request-signature.ts'
import { createSessionNode, type SessionNode } from '../../../src/cluster/session-node.ts'
import { Connection } from '../../../src/connection/connection.ts'
import type { CipherSuiteName } from '../../../src/crypto/cipher-suites.ts'
import type { RandomBytes } from '../../../src/crypto/provider.ts'
import { certificateVerifier, policyHashOf } from '../../../src/driver/certificates.ts'
import type { Answers, Timers } from '../../../src/driver/driver.ts'
import type { CertifiedKey } from '../../../src/x509/certified-key.ts'
import { clientAuthorityName } from '../../support/identities.ts'
import { nodeCryptoProvider as provider } from '../../support/node-crypto-provider.ts'
import { fixture, testAnchors, testCertifiedKey } from '../../support/pair.ts'
import { derivedKey, keysText, smallMemory, type TestEpoch } from '../support.ts'
import { requestAt } from './in-memory-http.ts'
import type { Network, RunningServer } from './network.ts'
import { judgeResumption, type Offer, type Terms } from './rules.ts'
import { virtualTime, virtualTimers } from './virtual-time.ts'

/** So few that sessions are evicted. */
export const maxRecords = 5

export interface ModelServerOptions {
  readonly id: string
  readonly network: Network
  readonly info: ClusterInfo
  readonly epochs: readonly TestEpoch[]
  readonly random: RandomBytes
}

/** A server's word that it resumes. */
interface Decision {
  readonly chosen: CipherSuiteName
  /** Of its connection: they may have changed since. */
  readonly terms: Terms
  /** When the hello came, and when the look-up began that the word rests on. */
  readonly startStep: number
  readonly lookupStep: number
}

/** What ends with the process. */
interface Process {
  readonly running: RunningServer
  readonly keys: ClusterKeys
  readonly membership: Membership
  readonly cache: ClusterSessionCache
  readonly node: SessionNode
}

export class ModelServer {
  readonly id: string
  readonly network: Network
  /** How far its clock is ahead, ms. */
  skewMs = 0
  terms: Terms = { clientAuth: 'none', context: 'a', suites: allSuites }
  readonly #random: RandomBytes
  #epochs: readonly TestEpoch[]
  #info: ClusterInfo
  /** A node that was taken out of the list goes on with the last one that it was in. */
  #lastListed: ClusterInfo
  #process: Process

  constructor({ id, network, info, epochs, random }: ModelServerOptions) {
    this.id = id
    this.network = network
    this.#random = random
    this.#epochs = epochs
    this.#info = info
    this.#lastListed = info
    this.#process = this.#boot()
  }

  get nowMs(): number {
    return virtualTime.nowMs + this.skewMs
  }

  get isUp(): boolean {
    return this.#process.running.isUp
  }

  crash(): void {
    this.#process.running.isUp = false
    void this.#process.node.close()
  }

  /** Comes back with its files and nothing else. */
  restart(): void {
    this.crash()
    this.network.restarted(this.id)
    this.#process = this.#boot()
  }

  /** Takes another key file, at once if it runs. */
  takeKeys(epochs: readonly TestEpoch[]): void {
    this.#epochs = epochs
    this.#process.keys.replaceWith(this.#parseKeys())
  }

  takeList(info: ClusterInfo): void {
    this.#info = info
    if (this.#isListed(info)) this.#lastListed = info
    this.#process.membership.replace(info)
  }

  /** What a Side of a new connection is made of. */
  accept(): [Connection, Answers, Timers] {
    const { clientAuth, context, suites } = this.terms
    const { cache } = this.#process
    const now = () => this.nowMs
    const policyHash = policyHashOf(provider, {
      clientAuth,
      rejectUnauthorized: clientAuth === 'require',
      authorities: clientAuth === 'none' ? [] : [clientAuthorityName()],
      sessionIdContext: context,
    })
    const connection = new Connection({
      role: 'server',
      ...{ provider, random: this.#random, now, clientAuth, cipherSuites: suites },
      certificateAuthorities: [clientAuthorityName()],
      drawSessionId: random => cache.drawId(random),
    })
    const answers: Answers = {
      selectPolicy: () => ({ policyHash, resumable: true }),
      selectCertificate: serverKey,
      verifyCertificate: certificateVerifier({
        ...{ provider, anchors: testAnchors, now, rejectUnauthorized: clientAuth === 'require' },
      }),
      sessionCache: cache,
    }
    return [connection, answers, virtualTimers]
  }

  /** Puts somebody's record on this server's own node. */
  async fill(storageKey: Uint8Array): Promise<void> {
    const { keys: clusterKeys, membership } = this.#process
    const keys = clusterKeys.current(this.nowMs)
    if (keys === undefined) return
    const body = storageKey
    const [path, lifetime] = [`/v1/sessions/${toBase64url(storageKey)}`, '600000']
    const { digest } = membership
    const signed = { method: 'PUT', path, nodeId: this.id, lifetime, digest, body }
    const signer = { keys, provider, random: this.#random, nowMs: this.nowMs }
    await requestAt(portOf(this.id), {
      ...{ method: 'PUT', path, body },
      headers: {
        authorization: signRequest(signed, signer),
        'content-type': 'application/octet-stream',
        [digestHeader]: digest,
        [lifetimeHeader]: lifetime,
      },
    })
  }

  lookupStep(id: Uint8Array): number {
    return this.network.lookupStep(this.id, storageKeyOf(id))
  }

  /** Throws a Violation where this server, as it is now, must not resume. */
  judge(offer: Offer, { chosen, terms, startStep, lookupStep }: Decision): void {
    const { nowMs, network } = this
    const id = offer.session?.id ?? new Uint8Array(32)
    const key = storageKeyOf(id)
    judgeResumption(offer, chosen, {
      ...{ nowMs, terms },
      isEpochLive: this.#epochs.some(
        ({ epoch, notAfterMs = Number.POSITIVE_INFINITY }) => epoch === epochOf(id) && nowMs <= notAfterMs,
      ),
      isRevoked: network.isRevoked(key, lookupStep),
      wasToldGone: network.wasToldGone(this.id, key, startStep),
    })
  }

  #boot(): Process {
    const info = this.#info
    const [keys, random, now] = [this.#parseKeys(), this.#random, () => this.nowMs]
    const membership = membershipOf(info, provider, { now })
    const running = { id: this.id, isUp: true }
    const transport = this.network.transportOf(running)
    const store = new HttpSessionStore({ membership, keys, provider, random, now, transport })
    const isAvailable = (id: string) => store.isAvailable(id)
    const owners = new OwnerChoice({ membership, nodeId: this.id, isAvailable })
    const cache = new ClusterSessionCache({ keys, store, owners, random, now })
    const limits = { ...smallMemory, maxRecords }
    const node = createSessionNode({
      ...{ nodeId: this.id, keys, provider, now, limits },
      membership: this.#isListed(info) ? membership : membershipOf(this.#lastListed, provider, { now }),
    })
    void node.listen('127.0.0.1', portOf(this.id))
    return { running, keys, membership, cache, node }
  }

  #isListed({ nodes }: ClusterInfo): boolean {
    return nodes.some(({ id }) => id === this.id)
  }

  #parseKeys(): ClusterKeys {
    return parseClusterKeys(keysText(this.#epochs), 'cluster.key', { provider, nowMs: this.nowMs })
  }
}

/** The fixture's RSA key, in OpenSSL's hands: a run has many handshakes. */
const rsaKey = createPrivateKey(fixture('server.key'))
const serverKey = (): CertifiedKey => ({
  ...testCertifiedKey(),
  key: {
    ...testCertifiedKey().key,
    decryptRaw: block =>
      Uint8Array.from(privateDecrypt({ key: rsaKey, padding: constants.RSA_NO_PADDING }, block)),
  },
})

export const allSuites: readonly CipherSuiteName[] = [
  'TLS_RSA_WITH_AES_128_GCM_SHA256',
  'TLS_RSA_WITH_AES_256_GCM_SHA384',
]

export const portOf = (id: string): number => 8401 + Number(id.slice(1))

const epochOf = (id: Uint8Array): number => id[0]! & 63

/** As the documented labels have it, with node:crypto. */
export function storageKeyOf(id: Uint8Array): string {
  return createHmac('sha256', derivedKey(epochOf(id), 'lookup'))
    .update(id)
    .digest('base64url')
}
