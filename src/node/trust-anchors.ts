/** Whom we trust: what `ca` says, or, for a client that says nothing, the roots that Node comes with. */
import { readFileSync } from 'node:fs'
import * as tls from 'node:tls'
import { TlsError } from '../errors.ts'
import { type Certificate, parseCertificate } from '../x509/certificate.ts'
import { certificatesFromPem } from '../x509/certificate-pem.ts'
import { parsePem } from '../x509/pem.ts'
import { readPems } from './option-types.ts'

/** The certificates of the option `ca`, `undefined` where there is none: an empty list trusts nobody. Throws ApiMisuse. */
export function readAuthorities(ca: unknown): Certificate[] | undefined {
  if (ca === undefined || ca === null) return undefined
  return readPems('ca', ca).flatMap(pem => certificatesFromPem(pem, 'ca'))
}

let roots: readonly Certificate[] | undefined

/**
 * What Node trusts by default: Mozilla's list as it is compiled in, and NODE_EXTRA_CA_CERTS; in newer Nodes whatever
 * `tls.getCACertificates` says, which knows the system's store too. Read when first asked for, in about 0.1 s, and kept.
 */
export function defaultRoots(): readonly Certificate[] {
  roots ??= readRoots()
  return roots
}

function readRoots(): Certificate[] {
  const { getCACertificates } = tls as { getCACertificates?: (type: 'default') => readonly string[] }
  if (getCACertificates) return getCACertificates('default').flatMap(readableCertificates)
  return [...tls.rootCertificates.flatMap(readableCertificates), ...readExtraRoots()]
}

/** Node 20 reads the file and does not say what was in it. One that will not do costs a warning, as there. */
function readExtraRoots(): Certificate[] {
  const path = process.env.NODE_EXTRA_CA_CERTS
  if (!path) return []
  try {
    return readableCertificates(readFileSync(path, 'latin1'))
  } catch (error) {
    process.emitWarning(`NODE_EXTRA_CA_CERTS, ${path}, is left out: ${(error as Error).message}`)
    return []
  }
}

/** A root that we cannot read vouches for nobody, and spoils nothing for the others. */
function readableCertificates(pem: string): Certificate[] {
  return parsePem(pem, 'roots').flatMap(({ label, bytes }) => {
    if (label !== 'CERTIFICATE') return []
    try {
      return [parseCertificate(bytes)]
    } catch (error) {
      if (error instanceof TlsError) return []
      throw error
    }
  })
}
