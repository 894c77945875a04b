import { ApiMisuse, TlsError } from '../errors.ts'
import { type Certificate, parseCertificate } from './certificate.ts'
import { missingBlock, parsePem } from './pem.ts'

/**
 * The certificates of a PEM text in their order (RFC 7468 §5), at least one; other blocks are skipped, so
 * that a file may hold the key too. `source` says in errors what the text is: "certificate", "trust anchors".
 * It is our own caller's text, so faults are ApiMisuse.
 */
export function certificatesFromPem(pem: string, source: string): Certificate[] {
  const blocks = parsePem(pem, source)
  const found = blocks.filter(({ label }) => label === 'CERTIFICATE')
  if (found.length === 0) {
    const wanted = 'at least one PEM block "CERTIFICATE"'
    throw new ApiMisuse(`${source}: ${missingBlock(pem, blocks, wanted, 'x509')}`)
  }
  return found.map(({ bytes }, i) => {
    try {
      return parseCertificate(bytes)
    } catch (error) {
      if (!(error instanceof TlsError)) throw error
      throw new ApiMisuse(`${source}: certificate ${i + 1} of ${found.length} is damaged (${error.message})`)
    }
  })
}
