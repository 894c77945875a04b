import fc from 'fast-check'
import { concatBytes, equalBytes } from '../../src/bytes.ts'
import { cipherSuite, cipherSuiteNames } from '../../src/crypto/cipher-suites.ts'
import { TlsError } from '../../src/errors.ts'
import { nobleProvider } from '../../src/providers/noble/index.ts'
import { createProtection, type Protection } from '../../src/record/protection.ts'
import { RecordLayer } from '../../src/record/record-layer.ts'
import { editedBytes } from '../arbitraries.ts'

export const name = 'record'

/** What an honest peer sends. Declared first: the seeds are made of it. */
const messages = ['', 'x', 'a record of some length', 'y'.repeat(300)].map(text => Buffer.from(text))

/** No records, and all of them under the first suite. */
export const seeds: Uint8Array[] = [
  Uint8Array.of(0, 0),
  concatBytes(Uint8Array.of(0, 0), honestRecords(0, false)),
]

/** First the suite and the order of MAC and encryption, then records that were honest before they were edited. */
export const arbitrary: fc.Arbitrary<Uint8Array> = fc
  .tuple(fc.nat(cipherSuiteNames.length - 1), fc.boolean())
  .chain(([suite, encryptThenMac]) =>
    editedBytes(fc.constant(honestRecords(suite, encryptThenMac))).map(records =>
      concatBytes(Uint8Array.of(suite, Number(encryptThenMac)), records),
    ),
  )

/** Any bytes give the messages that were sent, in their order, up to a TlsError; never one that was not sent. */
export function run(bytes: Uint8Array): void {
  const suite = (bytes[0] ?? 0) % cipherSuiteNames.length
  const layer = new RecordLayer(32)
  layer.changeReadState(protectionOf(suite, bytes[1] === 1))
  layer.append(bytes.subarray(2))
  for (let i = 0; ; i++) {
    try {
      const record = layer.next()
      if (!record) return
      const sent = messages[i]
      if (!sent || record.type !== 'application_data' || !equalBytes(record.fragment, sent)) {
        throw new Error(`record ${i} was accepted and is not the one that was sent`)
      }
    } catch (error) {
      if (error instanceof TlsError) return
      throw error
    }
  }
}

function honestRecords(suite: number, encryptThenMac: boolean): Uint8Array {
  const layer = new RecordLayer(32)
  layer.changeWriteState(protectionOf(suite, encryptThenMac))
  return concatBytes(...messages.flatMap(message => layer.protect('application_data', message)))
}

function protectionOf(index: number, encryptThenMac: boolean): Protection {
  const suite = cipherSuite(cipherSuiteNames[index]!)
  const { cipher } = suite
  const bytes = (length: number, fill: number) => new Uint8Array(length).fill(fill)
  const keys = {
    macKey: bytes(cipher.mode === 'cbc' ? cipher.macLength : 0, 1),
    key: bytes(cipher.keyLength, 2),
    iv: bytes(cipher.mode === 'cbc' ? 0 : cipher.fixedIvLength, 3),
  }
  return createProtection({
    provider: nobleProvider,
    suite,
    keys,
    encryptThenMac,
    random: length => bytes(length, 4),
  })
}
