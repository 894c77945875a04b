/** Options about versions. There is one here: a range that holds TLS 1.2 is taken, another is refused. */
import { constants } from 'node:crypto'
import type { SecureVersion } from 'node:tls'
import type { ApiMisuse } from '../errors.ts'
import { apiMisuse } from './api-misuse.ts'
import { wrongType } from './option-types.ts'

export const DEFAULT_MIN_VERSION = 'TLSv1.2'
export const DEFAULT_MAX_VERSION = 'TLSv1.2'

export interface VersionOptions {
  /** No later than 'TLSv1.2', which is all that is spoken here. */
  readonly minVersion?: SecureVersion | undefined
  /** No earlier than 'TLSv1.2', which is all that is spoken here. */
  readonly maxVersion?: SecureVersion | undefined
  /** The older way to say it: 'TLS_method' or 'TLSv1_2_method'. */
  readonly secureProtocol?: string | undefined
  /**
   * Flags `SSL_OP_...` of OpenSSL. SSL_OP_NO_TLSv1_2 is refused and SSL_OP_NO_TICKET obeyed; the others are about what is not
   * done here (older versions, compression, renegotiation) or always so (our order of suites: see `honorCipherOrder`).
   */
  readonly secureOptions?: number | undefined
}

const versions: readonly SecureVersion[] = ['TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3']
const ourVersion = versions.indexOf('TLSv1.2')

/** Throws ApiMisuse with Node's code where TLS 1.2 is not among the versions that are asked for, or one is not known. */
export function requireOurVersion(options: VersionOptions): void {
  const { minVersion, maxVersion, secureProtocol, secureOptions } = options
  const limit = minVersion ?? maxVersion
  if (secureProtocol && limit)
    throw apiMisuse(
      'ERR_TLS_PROTOCOL_VERSION_CONFLICT',
      `minVersion and maxVersion exclude secureProtocol: came ${limit} and ${secureProtocol}, give one of them`,
    )
  if (secureProtocol) requireOurMethod(secureProtocol)
  if (positionOf('minVersion', minVersion) > ourVersion) throw notSpoken('minVersion', minVersion)
  if (positionOf('maxVersion', maxVersion) < ourVersion) throw notSpoken('maxVersion', maxVersion)
  if (secureOptions === undefined || secureOptions === null) return
  if (typeof secureOptions !== 'number') throw wrongType('secureOptions', 'a number', secureOptions)
  if (secureOptions & constants.SSL_OP_NO_TLSv1_2) throw notSpoken('secureOptions', 'SSL_OP_NO_TLSv1_2')
}

/** Whether the flags forbid session tickets. */
export function forbidsTickets({ secureOptions }: VersionOptions): boolean {
  return ((secureOptions ?? 0) & constants.SSL_OP_NO_TICKET) !== 0
}

function positionOf(name: string, version: SecureVersion | undefined): number {
  if (version === undefined || version === null) return ourVersion
  const position = versions.indexOf(version)
  if (position < 0) throw invalidVersion(`${name}: ${JSON.stringify(version)} is no version, wanted TLSv1.2`)
  return position
}

/** Names of methods (SSL_CTX_new(3)); those without a version take whatever there is. */
function requireOurMethod(method: unknown): void {
  if (typeof method === 'string' && /^(SSLv23|TLS|TLSv1_2)(_client|_server)?_method$/.test(method)) return
  throw apiMisuse(
    'ERR_TLS_INVALID_PROTOCOL_METHOD',
    `secureProtocol: came ${JSON.stringify(method)}, wanted TLS_method or TLSv1_2_method: TLS 1.2 alone is spoken here`,
  )
}

function notSpoken(name: string, value: unknown): ApiMisuse {
  return invalidVersion(`${name}: ${value} leaves TLSv1.2 out, which is all that is spoken here`)
}

function invalidVersion(message: string): ApiMisuse {
  return apiMisuse('ERR_TLS_INVALID_PROTOCOL_VERSION', message)
}
