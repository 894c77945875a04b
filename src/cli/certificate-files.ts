import { ApiMisuse, TlsError } from '../errors.ts'
import { createSecureContext } from '../node/index.ts'
import { UsageError } from './failures.ts'
import { readBinaryFile, readTextFile } from './files.ts'

/** Certificates and keys as PEM texts, in pairs. */
export interface CertificatesAndKeys {
  readonly cert: readonly string[]
  readonly key: readonly string[]
}

/** Reads the files of --cert and --key; throws UsageError that names the pair which will not do. */
export function readCertificates(
  certPaths: readonly string[],
  keyPaths: readonly string[],
): CertificatesAndKeys {
  if (certPaths.length !== keyPaths.length) {
    throw new UsageError(
      `${certPaths.length} --cert and ${keyPaths.length} --key came: give each --cert its --key, in the same order`,
    )
  }
  const cert = certPaths.map(path => readTextFile(path, '--cert'))
  const key = keyPaths.map(path => readTextFile(path, '--key'))
  for (const [i, path] of certPaths.entries()) {
    const files = `--cert ${path} and --key ${keyPaths[i]}`
    refuseUnreadable(files, () => createSecureContext({ cert: cert[i]!, key: key[i]! }))
  }
  return { cert, key }
}

/** Reads the anchors that an option names. */
export function readAnchors(path: string, option: '--ca' | '--client-ca'): string {
  const ca = readTextFile(path, option)
  refuseUnreadable(`${option} ${path}`, () => createSecureContext({ ca }))
  return ca
}

/** Reads the files of --ocsp-response, which go with the certificates in their order. */
export function readStaples(paths: readonly string[], { cert, key }: CertificatesAndKeys): Uint8Array[] {
  const ocspResponse = paths.map(path => readBinaryFile(path, '--ocsp-response'))
  refuseUnreadable(paths.map(path => `--ocsp-response ${path}`).join(' '), () =>
    createSecureContext({ cert, key, ocspResponse }),
  )
  return ocspResponse
}

/** Errors of PEM and DER do not know which file they are about; people do not know which they mean. */
function refuseUnreadable(files: string, read: () => unknown): void {
  try {
    read()
  } catch (error) {
    if (!(error instanceof ApiMisuse || error instanceof TlsError)) throw error
    throw new UsageError(`${files}: ${error.message}`)
  }
}
