/** The cases of record protection: what must be written, what must be read, what must be refused. */
import { bytesFrom, expand, hexOrDigest } from './bytes.mjs'
import { primitives } from './node-oracle.mjs'
import { aeadKey, buildFragment, isAead, minimalPadding, nonceOf, padding, sealEncryptThenMac, suites } from './tls.mjs'

const hexFrom = (label, length) => bytesFrom(label, length).toString('hex')
const sequenceNumbers = [0n, 1n, 2n ** 32n - 1n, 2n ** 32n, 2n ** 48n, 2n ** 53n + 1n]
const lengths = [0, 1, 15, 16, 17, 255, 1000, 16384]
const change = (bytes, index) => {
  const changed = Buffer.from(bytes)
  changed[index < 0 ? changed.length + index : index] ^= 1
  return changed
}

/** Every suite, the CBC ones with and without encrypt-then-MAC. */
const modes = Object.entries(suites).flatMap(([suite, { name, mode }]) =>
  isAead(suite)
    ? [{ suite, encryptThenMac: false, name, mode }]
    : [
        { suite, encryptThenMac: false, name: `${name}-mte`, mode: 'mte' },
        { suite, encryptThenMac: true, name: `${name}-etm`, mode: 'etm' },
      ],
)
const rfcOf = { gcm: ['5246#6.2.3.3', '5288#3'], chacha20: ['5246#6.2.3.3', '7905#2'], mte: ['5246#6.2.3.2'], etm: ['7366#3', '5246#6.2.3.2'] }

/** The keys and everything else a record of `plaintext` (a ByteSpec) needs; `given` overrides. */
function recordInput(mode, id, plaintext, given = {}) {
  const { suite, encryptThenMac } = mode
  const { macLength, keyLength, ivLength } = suites[suite]
  const sequenceNumber = `${given.sequenceNumber ?? 7}`
  const content = expand(plaintext)
  return {
    suite,
    encryptThenMac,
    macKey: hexFrom(`${id}/mac key`, macLength),
    key: hexFrom(`${id}/key`, keyLength),
    iv: hexFrom(`${id}/iv`, ivLength),
    contentType: 23,
    ...given,
    sequenceNumber,
    plaintext: content.toString('hex'),
    recordIv: given.recordIv ?? recordIvOf(mode, id, sequenceNumber),
    paddingLength: isAead(suite) ? null : (given.paddingLength ?? minimalPadding(mode, content.length)),
  }
}

/** What stands in front of the ciphertext. */
function recordIvOf({ mode }, id, sequenceNumber) {
  if (mode === 'chacha20') return '' // RFC 7905 §2: "there is no explicit nonce".
  if (mode === 'gcm') return BigInt(sequenceNumber).toString(16).padStart(16, '0') // RFC 5288 §3: it may be the sequence number.
  return hexFrom(`${id}/record iv`, 16)
}

/** Content of `length` bytes: hex, or a repeated unit of eight bytes where hex would be long. */
function contentOf(id, length) {
  if (length < 1000) return hexFrom(`${id}/content`, length)
  return { repeat: hexFrom(`${id}/content`, 8), count: length / 8 }
}

/** The records that both directions share: sequence numbers, lengths, content types. */
function* ordinaryRecords(mode) {
  for (const sequenceNumber of sequenceNumbers) {
    yield { part: `seq-${sequenceNumber}`, comment: `sequence number ${sequenceNumber}`, length: 9, given: { sequenceNumber }, flags: ['SequenceNumber'] }
  }
  for (const length of lengths) {
    const flags = length === 0 ? ['EmptyContent'] : length === 16384 ? ['LargestContent'] : []
    yield { part: `length-${length}`, comment: `${length} bytes of content`, length, given: {}, flags }
  }
  for (const [contentType, length, name] of [[20, 1, 'change_cipher_spec'], [22, 16, 'handshake']]) {
    yield { part: `type-${contentType}`, comment: `content type ${name}`, length, given: { contentType, sequenceNumber: 0 }, flags: ['ContentType'] }
  }
}

export function recordProtectCases() {
  return modes.flatMap(mode => {
    const records = [...ordinaryRecords(mode)]
    if (!isAead(mode.suite)) {
      // Lengths which the minimal padding fills with a padding_length of 0 and of 15.
      const none = minimalPadding(mode, 0)
      records.push({ part: 'padding-0', comment: 'padding_length 0', length: none + 16, given: {}, flags: ['MinimalPadding'] })
      records.push({ part: 'padding-15', comment: 'padding_length 15', length: none + 17, given: {}, flags: ['MinimalPadding'] })
    }
    return records.map(({ part, comment, length, given, flags }) => {
      const id = `record-protect/${mode.name}/${part}`
      const plaintext = contentOf(id, length)
      return { id, comment, input: recordInput(mode, id, plaintext, given), shown: { plaintext }, rfc: rfcOf[mode.mode], flags }
    })
  })
}

export async function recordOpenCases() {
  const cases = []
  for (const mode of modes) {
    const collect = kind => async (part, comment, { plaintext, given, faults, damage, ...rest }) => {
      const id = `record-open/${mode.name}/${part}`
      const input = recordInput(mode, id, plaintext ?? contentOf(id, 20), given)
      const built = await buildFragment(primitives, input, faults)
      cases.push({ ...finish(mode, id, comment, { input, fragment: damage ? damage(built) : built, ...rest }), ...kind(input, rest) })
    }
    const valid = collect(input => ({ expected: { outcome: 'ok', plaintext: input.plaintext } }))
    const invalid = collect((_, { alerts = ['bad_record_mac'] }) => ({ expected: { outcome: 'alert', alert: alerts[0] }, alerts }))
    for (const { part, comment, length, given, flags } of ordinaryRecords(mode)) {
      if (length >= 1000) cases.push(await largeRecord(mode, part, { comment, length, flags }))
      else await valid(part, comment, { plaintext: contentOf(part, length), given, flags })
    }
    cases.push(...(await overlongRecords(mode)))
    if (isAead(mode.suite)) await aeadCases(mode, valid, invalid)
    else await cbcCases(mode, valid, invalid)
    if (mode.mode === 'mte') await macThenEncryptCases(mode, valid, invalid)
    if (mode.mode === 'etm') await encryptThenMacCases(mode, valid, invalid)
    await refusedEverywhere(mode, invalid)
  }
  return cases
}

/** What the reader is given: the reader's own keys, sequence number and type, and the fragment. */
function finish(mode, id, comment, { input, fragment, reader = {}, flags = [], rfc, shownFragment, shownPlaintext }) {
  const { plaintext, paddingLength, recordIv: _, ...seen } = { ...input, ...reader }
  return {
    id,
    comment,
    input: { ...seen, sequenceNumber: `${seen.sequenceNumber}`, fragment: fragment.toString('hex') },
    shown: { fragment: shownFragment ?? fragment.toString('hex'), plaintext: shownPlaintext ?? hexOrDigest(Buffer.from(plaintext, 'hex')) },
    written: { paddingLength }, // The IV or nonce stands at the start of the fragment.
    rfc: rfc ?? rfcOf[mode.mode],
    flags,
  }
}

// --- Content of 2^14 bytes and beyond -------------------------------------------------------------------------

/**
 * A large record that fits in one line: the ciphertext is a repeated block, the content is what it decrypts
 * to, and only the end is made as usual.
 */
async function largeRecord(mode, part, { comment, length, paddingLength, damage, ...rest }) {
  const id = `record-open/${mode.name}/${part}`
  const unit = { repeat: hexFrom(`${id}/unit`, 16), count: Math.floor(length / 16) }
  const repeated = expand(unit)
  const input = recordInput(mode, id, 'ff'.repeat(length % 16), {})
  const tailContent = Buffer.from(input.plaintext, 'hex')
  const [key, recordIv] = [Buffer.from(input.key, 'hex'), Buffer.from(input.recordIv, 'hex')]
  const head = isAead(mode.suite) ? await aeadContent(input, recordIv, repeated) : await primitives.cbcDecrypt(key, recordIv, repeated)
  input.plaintext = Buffer.concat([head, tailContent]).toString('hex')
  if (!isAead(mode.suite)) input.paddingLength = paddingLength ?? minimalPadding(mode, length)

  const right = await buildFragment(primitives, input)
  const fragment = damage ? damage(right) : right
  const start = recordIv.length
  if (!fragment.subarray(start, start + repeated.length).equals(repeated)) throw new Error(`${id}: not a repeated block`)
  const tail = fragment.subarray(start + repeated.length).toString('hex')
  const shownFragment = { concat: [input.recordIv, unit, tail].filter(part => part !== '') }
  const finished = finish(mode, id, comment, { input, fragment, shownFragment, ...rest })
  return { ...finished, expected: rest.alerts ? { outcome: 'alert', alert: rest.alerts[0] } : { outcome: 'ok', plaintext: input.plaintext }, ...(rest.alerts && { alerts: rest.alerts }) }
}

/** The content whose ciphertext under this key and nonce is `ciphertext`: both AEADs XOR a keystream. */
async function aeadContent(input, recordIv, ciphertext) {
  const opened = await primitives.aeadSeal(aeadKey(input), nonceOf(input, recordIv), Buffer.alloc(0), ciphertext)
  return opened.subarray(0, ciphertext.length)
}

async function overlongRecords(mode) {
  const overflow = { flags: ['Overflow'], rfc: ['5246#6.2.1', '5246#7.2.2'] }
  const cases = [
    await largeRecord(mode, 'content-16385', { comment: '2^14 + 1 bytes of content, all else right', length: 16385, alerts: ['record_overflow'], ...overflow }),
    await largeRecord(mode, 'content-16385-bad-mac', {
      comment: '2^14 + 1 bytes of content and a wrong MAC: which fault is named first is open',
      length: 16385,
      damage: fragment => change(fragment, mode.mode === 'mte' ? -17 : -1),
      alerts: ['bad_record_mac', 'record_overflow'],
      ...overflow,
      flags: ['Overflow', 'TwoFaults'],
    }),
  ]
  if (isAead(mode.suite)) return cases
  const most = 240 + minimalPadding(mode, 16384)
  const comment = `2^14 bytes of content and a padding_length of ${most}, the longest that fits`
  return [...cases, await largeRecord(mode, 'length-16384-longest-padding', { comment, length: 16384, paddingLength: most, flags: ['LargestContent', 'LongPadding'] })]
}

// --- Each mode ------------------------------------------------------------------------------------------------

/** Faults that every mode has to see: other keys, another place in the stream, cut or grown fragments. */
async function refusedEverywhere(mode, invalid) {
  const wrong = (flags, reader) => ({ given: { sequenceNumber: 5 }, reader, flags })
  await invalid('wrong-type', 'written as application_data, read as handshake', wrong(['WrongType'], { contentType: 22 }))
  await invalid('replayed', 'read one sequence number later', wrong(['WrongSequenceNumber'], { sequenceNumber: 6 }))
  await invalid('reordered', 'read one sequence number earlier', wrong(['WrongSequenceNumber'], { sequenceNumber: 4 }))
  await invalid('sequence-high-half', 'read 2^32 records later: all 64 bits count', wrong(['WrongSequenceNumber'], { sequenceNumber: 2n ** 32n + 5n }))
  await invalid('wrong-version', 'authenticated with version 3.2', { faults: { header: { version: 0x0302 } }, flags: ['WrongVersion'] })
  await invalid('wrong-length', 'authenticated with a length one too large', { faults: { headerLength: 21 + (mode.mode === 'etm' ? 32 : 0) }, flags: ['WrongLength'] })
  await invalid('wrong-key', 'another cipher key', { reader: { key: hexFrom('another key', suites[mode.suite].keyLength) }, flags: ['WrongKey'] })

  const cut = (count, flag = 'Truncated') => ({ damage: fragment => fragment.subarray(0, count < 0 ? fragment.length + count : count), flags: [flag], alerts: flag === 'TooShort' ? ['bad_record_mac', 'decode_error'] : ['bad_record_mac'] })
  await invalid('cut-1', 'the last byte is missing', cut(-1))
  await invalid('cut-16', 'the last 16 bytes are missing', cut(-16))
  await invalid('grown-1', 'one byte too many', { damage: fragment => Buffer.concat([fragment, Buffer.alloc(1)]), flags: ['Grown'] })
  await invalid('grown-16', '16 zero bytes too many', { damage: fragment => Buffer.concat([fragment, Buffer.alloc(16)]), flags: ['Grown'] })
  const minimum = { gcm: 24, chacha20: 16, mte: 16 + 16 * Math.ceil((suites[mode.suite].macLength + 1) / 16), etm: 32 + suites[mode.suite].macLength }[mode.mode]
  const short = new Set([0, 16, minimum - 1])
  for (const length of [...short].filter(length => length < minimum).sort((a, b) => a - b)) {
    await invalid(`short-${length}`, `${length} bytes, where the shortest record has ${minimum}`, cut(length, 'TooShort'))
  }
}

const damaged = (index, flag) => ({ damage: fragment => change(fragment, index), flags: [flag] })

/** The AEADs have the tag, the ciphertext and the length in the additional data in common, but not the nonce. */
async function aeadCases(mode, valid, invalid) {
  const isGcm = mode.mode === 'gcm'
  const explicitLength = isGcm ? 8 : 0
  if (isGcm) await foreignNonces(valid)
  await invalid('tag-first', 'the first byte of the tag changed', damaged(-16, 'BadTag'))
  await invalid('tag-last', 'the last byte of the tag changed', damaged(-1, 'BadTag'))
  for (const bit of [31, 64, 96]) {
    const damage = fragment => {
      const changed = Buffer.from(fragment)
      changed[changed.length - 16 + (bit >> 3)] ^= 0x80 >> (bit & 7)
      return changed
    }
    await invalid(`tag-bit-${bit}`, `bit ${bit} of the tag flipped`, { damage, flags: ['BadTag'] })
  }
  await invalid('tag-zero', 'a tag of zeros', { damage: fragment => Buffer.concat([fragment.subarray(0, -16), Buffer.alloc(16)]), flags: ['BadTag'] })
  await invalid('tag-only-wrong', 'no content and a wrong tag', { plaintext: '', ...damaged(-1, 'BadTag') })
  await invalid('tag-of-12', 'a tag cut to 12 bytes', { damage: fragment => fragment.subarray(0, -4), flags: ['BadTag', 'Truncated'] })
  await invalid('ciphertext-first', 'the first byte of the ciphertext changed', damaged(explicitLength, 'BadCiphertext'))
  await invalid('ciphertext-last', 'the last byte of the ciphertext changed', damaged(-17, 'BadCiphertext'))
  await (isGcm ? badExplicitNonces(invalid) : chacha20Nonces(valid, invalid))
  await invalid('length-with-tag', 'the length in the additional data counts the tag', { faults: { headerLength: 36 }, flags: ['WrongLength'] })
  if (isGcm) await invalid('length-of-fragment', 'the length in the additional data is that of the fragment', { faults: { headerLength: 44 }, flags: ['WrongLength'] })
}

async function foreignNonces(valid) {
  await valid('nonce-random', 'an explicit nonce that is not the sequence number: it is the writer that chooses', { given: { recordIv: hexFrom('random nonce', 8) }, flags: ['ForeignNonce'] })
  await valid('nonce-ones', 'an explicit nonce of all ones', { given: { recordIv: 'ff'.repeat(8) }, flags: ['ForeignNonce'] })
  await valid('nonce-zeros', 'an explicit nonce of zeros at sequence number 7', { given: { recordIv: '00'.repeat(8) }, flags: ['ForeignNonce'] })
}

async function badExplicitNonces(invalid) {
  await invalid('nonce-changed', 'the explicit nonce changed', damaged(7, 'BadNonce'))
  await invalid('nonce-missing', 'no explicit nonce, as in TLS 1.3', { damage: fragment => fragment.subarray(8), flags: ['BadNonce'] })
  await invalid('wrong-salt', 'another implicit part of the nonce', { reader: { iv: 'a0a1a2a3' }, flags: ['WrongKey'] })
}

async function chacha20Nonces(valid, invalid) {
  const nonceCarry = iv => ({ given: { iv, sequenceNumber: 255 }, flags: ['NonceCarry'] })
  await valid('nonce-iv-ones', 'an IV of all ones and sequence number 255: the nonce ends in a zero byte', nonceCarry('ff'.repeat(12)))
  await valid('nonce-iv-carry', 'an IV that ends in 01 and sequence number 255: the nonce ends in fe', nonceCarry(`${'00'.repeat(11)}01`))
  await valid('nonce-iv-zeros', 'an IV of zeros: the nonce is the sequence number', nonceCarry('00'.repeat(12)))
  await valid('sequence-last', 'the last sequence number, 2^64 - 1: eight bytes of the nonce are the IV inverted', { given: { sequenceNumber: 2n ** 64n - 1n }, flags: ['SequenceNumber'] })

  const otherNonce = (part, comment, nonce) => invalid(part, comment, { given: { sequenceNumber: 5 }, faults: { nonce }, flags: ['OtherNonce'] })
  await otherNonce('nonce-iv-alone', 'written with the IV as the nonce, without the sequence number', nonce => xorSequence(nonce, 5n, 4))
  await otherNonce('nonce-sequence-first', 'written with the sequence number in the first eight bytes of the nonce', nonce => xorSequence(xorSequence(nonce, 5n, 4), 5n, 0))
  await otherNonce('nonce-sequence-little-endian', 'written with the sequence number little-endian in the nonce', nonce => xorSequence(xorSequence(nonce, 5n, 4), 5n << 56n, 4))
  await otherNonce('nonce-sequence-alone', 'written with the sequence number as the nonce, without the IV', () => xorSequence(Buffer.alloc(12), 5n, 4))
  await invalid('nonce-added', 'written with the sequence number added to the IV: 01 + ff carries', {
    ...nonceCarry(`${'00'.repeat(11)}01`),
    faults: { nonce: () => Buffer.from(`${'00'.repeat(10)}0100`, 'hex') },
    flags: ['NonceCarry', 'OtherNonce'],
  })
  await invalid('sequence-in-nonce-alone', 'the additional data has another sequence number than the nonce', { faults: { header: { sequenceNumber: 8 } }, flags: ['WrongSequenceNumber'] })
  await invalid('nonce-explicit', 'eight bytes of explicit nonce in front, as GCM has them', {
    damage: fragment => Buffer.concat([Buffer.from('0000000000000007', 'hex'), fragment]),
    flags: ['BadNonce'],
  })
  await invalid('wrong-iv', 'another IV', { reader: { iv: 'a0a1a2a3a4a5a6a7a8a9aaab' }, flags: ['WrongKey'] })
}

/** `nonce` with a sequence number XORed into the eight bytes from `offset`. */
function xorSequence(nonce, sequenceNumber, offset) {
  const changed = Buffer.from(nonce)
  changed.writeBigUInt64BE(changed.readBigUInt64BE(offset) ^ sequenceNumber, offset)
  return changed
}

/** What CBC has in both orders: padding, good and bad. */
async function cbcCases(mode, valid, invalid) {
  const cbcModes = modes.filter(other => !isAead(other.suite))
  const first = (2 * cbcModes.indexOf(mode)) % 16
  const paddings = new Set([255])
  // Two residues of padding_length for each mode, and eight modes make all of 0 to 255.
  for (const residue of [first, first + 1]) for (let n = residue; n < 256; n += 16) paddings.add(n)
  for (const paddingLength of [...paddings].sort((a, b) => a - b)) {
    const contentLength = (((minimalPadding(mode, 0) - paddingLength) % 16) + 16) % 16
    const flags = paddingLength > 15 ? ['LongPadding'] : ['MinimalPadding']
    await valid(`padding-${paddingLength}`, `padding_length ${paddingLength}`, { plaintext: hexFrom(`padding-${paddingLength}`, contentLength), given: { paddingLength }, flags })
  }

  const bad = (paddingBytes, flag, contentLength) => ({
    plaintext: hexFrom('badly padded', contentLength ?? contentFor(mode, paddingBytes.length)),
    given: { paddingLength: 0 }, // Replaced by the bytes themselves.
    faults: { paddingBytes },
    flags: [flag],
  })
  await invalid('padding-byte-first', 'the first of 32 padding bytes is wrong', bad(change(padding(31), 0), 'BadPaddingByte'))
  await invalid('padding-byte-middle', 'a padding byte in the middle of 32 is wrong', bad(change(padding(31), 16), 'BadPaddingByte'))
  await invalid('padding-byte-last', 'the padding byte before padding_length is wrong', bad(change(padding(31), 30), 'BadPaddingByte'))
  await invalid('padding-byte-255', 'the first of 256 padding bytes is wrong', bad(change(padding(255), 0), 'BadPaddingByte'))
  await invalid('padding-byte-outer-block', 'a wrong padding byte in a block before the last one', bad(change(padding(47), 5), 'BadPaddingByte'))
  await invalid('padding-zeros', 'padding of zeros before padding_length 15 (ANSI X.923)', bad(Buffer.concat([Buffer.alloc(15), Buffer.from([15])]), 'BadPaddingByte'))
  await invalid('padding-random', 'padding of random bytes before padding_length 15, as in SSL 3.0 (POODLE)', bad(Buffer.concat([bytesFrom('ssl3', 15), Buffer.from([15])]), 'BadPaddingByte'))
  await invalid('padding-pkcs7', '16 bytes of value 16 (PKCS #7): one too many by TLS counting', bad(Buffer.alloc(16, 16), 'BadPaddingLength'))
  // Right for a reader that takes bad padding for none, goes on to the MAC, and then forgets the padding.
  await invalid('padding-length-alone-1', 'padding_length 1 without its padding byte', bad(Buffer.from([1]), 'BadPaddingLength'))
  await invalid('padding-length-alone-5', 'padding_length 5 without any padding', bad(Buffer.from([5]), 'BadPaddingLength'))
  await invalid('padding-length-alone-255', 'padding_length 255 without any padding, the record long enough for it', bad(Buffer.from([255]), 'BadPaddingLength', contentFor(mode, 1) + 256))
  if (mode.mode === 'mte') {
    // Under encrypt-then-MAC this would be a longer content with a padding_length of 14: nothing wrong.
    await invalid('padding-length-less', '16 bytes of value 14: the MAC is read a byte too late', bad(Buffer.alloc(16, 14), 'BadPaddingLength'))
  }
}

/** A content length under which `paddingCount` bytes, with padding_length, fill the blocks. */
function contentFor(mode, paddingCount) {
  const { macLength } = suites[mode.suite]
  return 16 - ((paddingCount + (mode.encryptThenMac ? 0 : macLength)) % 16)
}

const badMac = (faults, flag = 'BadMac') => ({ faults, flags: [flag] })

async function macThenEncryptCases(mode, valid, invalid) {
  const { macLength } = suites[mode.suite]
  await invalid('mac-first', 'the first byte of the MAC is wrong', badMac({ mac: mac => change(mac, 0) }))
  await invalid('mac-last', 'the last byte of the MAC is wrong', badMac({ mac: mac => change(mac, -1) }))
  await invalid('mac-zero', 'a MAC of zeros', badMac({ mac: mac => Buffer.alloc(mac.length) }))
  await invalid('mac-of-other-content', 'the MAC belongs to a longer content', badMac({ headerLength: 22 }))
  await invalid('mac-bad-and-padding-bad', 'MAC and padding are both wrong: the same alert', {
    faults: { mac: mac => change(mac, 0), paddingBytes: change(padding(minimalPadding(mode, 20) + 16), 0) },
    flags: ['BadMac', 'BadPaddingByte'],
  })
  await invalid('iv-changed', 'a byte of the IV changed, and so one of the content', { damage: fragment => change(fragment, 0), flags: ['BadCiphertext'] })
  await invalid('ciphertext-changed', 'a byte of the first block changed', { damage: fragment => change(fragment, 16), flags: ['BadCiphertext'] })
  await invalid('blocks-swapped', 'two ciphertext blocks changed places', { damage: swapBlocks, flags: ['BadCiphertext'] })
  await invalid('read-as-etm', 'written MAC-then-encrypt, read encrypt-then-MAC', { reader: { encryptThenMac: true }, flags: ['OtherOrder'] })
  // No room for a MAC once the padding is taken off: all 64 bytes are of value 63, all 256 of value 255.
  for (const count of [64, 256]) {
    await invalid(`padding-all-${count}`, `${count} bytes of padding and nothing else`, { plaintext: '', given: { paddingLength: 0 }, faults: { mac: () => Buffer.alloc(0), paddingBytes: padding(count - 1) }, flags: ['BadPaddingLength'] })
  }
  const inside = 64 - macLength + 1
  await invalid('padding-into-mac', 'valid padding that leaves one byte too few for a MAC', { plaintext: '', given: { paddingLength: 0 }, faults: { mac: mac => mac.subarray(1), paddingBytes: padding(inside - 1) }, flags: ['BadPaddingLength'] })
  await invalid('padding-length-255', 'padding_length 255 in a record of a few blocks', { plaintext: hexFrom('255', contentFor(mode, 16)), given: { paddingLength: 0 }, faults: { paddingBytes: Buffer.concat([Buffer.alloc(15, 15), Buffer.from([255])]) }, flags: ['BadPaddingLength'] })
  await valid('padding-eats-nothing', 'content that looks like padding', { plaintext: '0f'.repeat(16), flags: ['LookalikeContent'] })
}

async function encryptThenMacCases(mode, valid, invalid) {
  const { macLength } = suites[mode.suite]
  await invalid('mac-first', 'the first byte of the MAC is wrong', badMac({ mac: mac => change(mac, 0) }))
  await invalid('mac-last', 'the last byte of the MAC is wrong', badMac({ mac: mac => change(mac, -1) }))
  await invalid('mac-zero', 'a MAC of zeros', badMac({ mac: mac => Buffer.alloc(mac.length) }))
  await invalid('mac-without-iv', 'a MAC that does not cover the IV', badMac({ covered: body => body.subarray(16) }))
  await invalid('mac-length-without-iv', 'a MAC whose length field leaves out the IV', badMac({ headerLength: 32 }))
  await invalid('mac-length-of-content', 'a MAC whose length field is that of the content', badMac({ headerLength: 20 }))
  await invalid('mac-length-of-fragment', 'a MAC whose length field counts the MAC', badMac({ headerLength: 48 + macLength }))
  await invalid('mac-bad-and-padding-bad', 'MAC and padding are both wrong: the same alert', {
    faults: { mac: mac => change(mac, 0), paddingBytes: change(padding(minimalPadding(mode, 20) + 16), 0) },
    flags: ['BadMac', 'BadPaddingByte'],
  })
  await invalid('iv-changed', 'a byte of the IV changed', { damage: fragment => change(fragment, 0), flags: ['BadCiphertext'] })
  await invalid('ciphertext-changed', 'a byte of the first block changed', { damage: fragment => change(fragment, 16), flags: ['BadCiphertext'] })
  await invalid('blocks-swapped', 'two ciphertext blocks changed places', { damage: swapBlocks, flags: ['BadCiphertext'] })
  await invalid('read-as-mte', 'written encrypt-then-MAC, read MAC-then-encrypt', { reader: { encryptThenMac: false }, flags: ['OtherOrder'] })
  await invalid('padding-length-255', 'padding_length 255 in a record of one block, under a right MAC', { plaintext: '', given: { paddingLength: 0 }, faults: { paddingBytes: Buffer.alloc(16, 255) }, flags: ['BadPaddingLength'] })
  await invalid('padding-length-16', 'padding_length 16 in a record of one block, under a right MAC', { plaintext: '', given: { paddingLength: 0 }, faults: { paddingBytes: Buffer.alloc(16, 16) }, flags: ['BadPaddingLength'] })

  // A right MAC over something that is not an IV and whole blocks.
  const seal = async (part, comment, bodyLength, flag) => {
    const id = `record-open/${mode.name}/${part}`
    const fragment = await sealEncryptThenMac(primitives, recordInput(mode, id, ''), bytesFrom(id, bodyLength))
    await invalid(part, comment, { plaintext: '', damage: () => fragment, flags: [flag], alerts: flag === 'TooShort' ? ['bad_record_mac', 'decode_error'] : undefined })
  }
  await seal('not-blocks-33', 'a right MAC over 33 bytes', 33, 'NotBlocks')
  await seal('not-blocks-47', 'a right MAC over 47 bytes', 47, 'NotBlocks')
  await seal('iv-alone', 'a right MAC over an IV without ciphertext', 16, 'TooShort')
  await seal('nothing', 'a right MAC over nothing', 0, 'TooShort')
  await valid('padding-eats-nothing', 'content that looks like padding', { plaintext: '0f'.repeat(16), flags: ['LookalikeContent'] })
}

function swapBlocks(fragment) {
  return Buffer.concat([fragment.subarray(0, 16), fragment.subarray(32, 48), fragment.subarray(16, 32), fragment.subarray(48)])
}
