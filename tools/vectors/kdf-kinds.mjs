/** The cases of the pure functions: PRF, master secrets, key block, verify data, exporter. */
import { bytesFrom } from './bytes.mjs'
import { suites } from './tls.mjs'

const hexFrom = (label, length) => bytesFrom(label, length).toString('hex')
const suiteNames = Object.keys(suites)
const hashLength = { sha256: 32, sha384: 48 }

/** Values the TLS working group's mailing list has published for the PRF of TLS 1.2, as hex. */
const published = {
  sha256: {
    secret: '9bbe436ba940f017b17652849a71db35',
    seed: 'a0ba9f936cda311827a6f796ffd5198c',
    output:
      'e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff70187347b66',
  },
  sha384: {
    secret: 'b80b733d6ceefcdc71566ea48e5567df',
    seed: 'cd665cf6a8447dd6ff8b27555edb7465',
    output:
      '7b0c18e9ced410ed1804f2cfa34a336a1c14dffb4900bb5fd7942107e81c83cde9ca0faa60be9fe34f82b1233c9146a0e534cb400fed2700884f9dc236f80edd8bfa961144c9e8d792eca722a7b32fc3d416d473ebc2c5fd4abfdad05d9184259b5bf8cd4d90fa0d31e2dec479e4f1a26066f2eea9a69236a3e52655c9e9aee691c8f3a26854308d5eaa3be85e0990703d73e56f',
  },
}

export function prfCases() {
  return ['sha256', 'sha384'].flatMap(hash => {
    const { secret, seed, output } = published[hash]
    const cases = [
      {
        id: `prf/${hash}/ietf-tls-wg`,
        comment: `the working group's ${output.length / 2} bytes of P_${hash.toUpperCase()}`,
        input: { hash, secret, label: 'test label', seed, length: output.length / 2 },
        published: { output },
        flags: ['Published'],
      },
    ]
    const add = (id, comment, given, flags = []) => {
      const base = { secret: hexFrom(`${id}/secret`, 48), label: 'test label', seed: hexFrom(`${id}/seed`, 64), length: 48 }
      cases.push({ id: `prf/${hash}/${id}`, comment, input: { hash, ...base, ...given }, flags })
    }
    for (const length of [1, 12, 31, 32, 33, 47, 48, 49, 64, 72, 95, 96, 97, 104, 128, 136, 144, 255, 1000]) {
      const whole = length % hashLength[hash] === 0
      add(`length-${length}`, `${length} bytes of output`, { length }, whole ? ['WholeBlocks'] : [])
    }
    for (const length of [1, 16, 32, 47, 63, 64, 65, 66, 127, 128, 129, 256]) {
      const flags = length > (hash === 'sha256' ? 64 : 128) ? ['LongSecret'] : []
      add(`secret-${length}`, `a secret of ${length} bytes`, { secret: hexFrom(`secret-${length}`, length) }, flags)
    }
    for (const length of [0, 1, 12, 32, 48, 77, 200]) {
      add(`seed-${length}`, `a seed of ${length} bytes`, { seed: hexFrom(`seed-${length}`, length) })
    }
    const labels = ['master secret', 'extended master secret', 'key expansion', 'client finished', 'server finished']
    for (const label of [...labels, 'a', 'EXPORTER-Channel-Binding', 'x'.repeat(249)]) {
      add(`label-${label.slice(0, 24).replaceAll(' ', '-')}`, `the label '${label.slice(0, 24)}'`, { label })
    }
    add('label-moves-into-seed', "label 'test lab' and a seed that starts with 'el': the same as label-and-seed-joined", {
      secret: hexFrom('moving', 48),
      label: 'test lab',
      seed: Buffer.from('el').toString('hex') + hexFrom('moving/seed', 32),
    })
    add('label-and-seed-joined', "label 'test label': the same as label-moves-into-seed", {
      secret: hexFrom('moving', 48),
      seed: hexFrom('moving/seed', 32),
    })
    return cases
  })
}

/** Pre-master secrets by their key exchange: RSA (48 bytes), and the sizes ECDHE brings. */
function preMasterSecrets(label) {
  const rsa = Array.from({ length: 4 }, (_, i) => ['rsa', `0303${hexFrom(`${label}/rsa/${i}`, 46)}`])
  const other = [32, 48, 66].map(length => ['ecdhe', hexFrom(`${label}/ecdhe`, length)])
  return [...rsa, ['zero', `0303${'00'.repeat(46)}`], ...other]
}

export function masterSecretCases() {
  return suiteNames.flatMap(suite =>
    preMasterSecrets(`master_secret/${suite}`).map(([origin, preMasterSecret], i) => {
      const id = `master-secret/${suites[suite].name}/${i}-${origin}-${preMasterSecret.length / 2}`
      const { clientRandom, serverRandom } = randoms(id, i)
      return { id, comment: preMasterComment(origin, preMasterSecret), input: { suite, preMasterSecret, clientRandom, serverRandom } }
    }),
  )
}

export function emsCases() {
  return suiteNames.flatMap(suite =>
    preMasterSecrets(`ems/${suite}`).map(([origin, preMasterSecret], i) => {
      const id = `ems/${suites[suite].name}/${i}-${origin}-${preMasterSecret.length / 2}`
      const sessionHash = hexFrom(`${id}/session hash`, hashLength[suites[suite].prfHash])
      return { id, comment: preMasterComment(origin, preMasterSecret), input: { suite, preMasterSecret, sessionHash } }
    }),
  )
}

const preMasterComment = (origin, preMasterSecret) =>
  ({
    rsa: 'a pre-master secret of the RSA key exchange: version 3.3 and 46 bytes',
    zero: 'version 3.3 and 46 zero bytes',
    ecdhe: `a pre-master secret of ${preMasterSecret.length / 2} bytes, as ECDHE would bring one`,
  })[origin]

/** Client and server random; every fourth pair is equal, zero, or ends like RFC 8446 §4.1.3 wants of a downgrade. */
function randoms(id, i) {
  const [clientRandom, serverRandom] = [hexFrom(`${id}/client random`, 32), hexFrom(`${id}/server random`, 32)]
  if (i % 4 === 1) return { clientRandom, serverRandom: '00'.repeat(32) }
  if (i % 4 === 2) return { clientRandom: 'ff'.repeat(32), serverRandom }
  if (i % 4 === 3) return { clientRandom, serverRandom: `${serverRandom.slice(0, 48)}444f574e47524401` }
  return { clientRandom, serverRandom }
}

export function keyBlockCases() {
  return suiteNames.flatMap(suite =>
    Array.from({ length: 7 }, (_, i) => {
      const id = `key-block/${suites[suite].name}/${i}`
      const comment = 'server random first, then client random; client before server in each pair'
      return { id, comment, input: { suite, masterSecret: hexFrom(`${id}/master secret`, 48), ...randoms(id, i) } }
    }),
  )
}

export function verifyDataCases() {
  return suiteNames.flatMap(suite =>
    ['client', 'server'].flatMap(role =>
      Array.from({ length: 4 }, (_, i) => {
        const id = `verify-data/${suites[suite].name}/${role}/${i}`
        const shared = `verify-data/${suites[suite].name}/${i}` // The two roles differ by their label alone.
        const masterSecret = hexFrom(`${shared}/master secret`, 48)
        const handshakeHash = hexFrom(`${shared}/handshake hash`, hashLength[suites[suite].prfHash])
        return { id, comment: `the ${role}'s Finished`, input: { suite, role, masterSecret, handshakeHash } }
      }),
    ),
  )
}

/** Each hash of the PRF has a suite that stands for it: nothing else of a suite enters. */
const exporterSuites = ['TLS_RSA_WITH_AES_128_GCM_SHA256', 'TLS_RSA_WITH_AES_256_GCM_SHA384']
/** Labels in use with their lengths: RFC 5764 §4.2 (AES-128 with SHA-1), RFC 5216 §2.3, RFC 5281 §8. */
const exporterLabels = [
  ['EXTRACTOR-dtls_srtp', 60],
  ['client EAP encryption', 128],
  ['ttls keying material', 64],
]

export function exporterCases() {
  return exporterSuites.flatMap(suite => {
    const cases = []
    const add = (part, comment, given, flags = []) => {
      const id = `exporter/${suites[suite].name}/${part}`
      const base = { masterSecret: hexFrom(`${id}/master secret`, 48), ...randoms(id, cases.length) }
      const asked = { label: 'EXPERIMENTAL-test', context: null, length: 32, ...given }
      cases.push({ id, comment, input: { suite, ...base, ...asked }, flags })
    }
    for (const [label, length] of exporterLabels) {
      add(`label-${label.replaceAll(/[ _]/g, '-')}`, `the label '${label}'`, { label, length }, ['NoContext'])
    }
    // RFC 9266 §2: 32 bytes, and the context is a string of no bytes.
    add('label-EXPORTER-Channel-Binding', 'the channel binding tls-exporter', { label: 'EXPORTER-Channel-Binding', context: '' }, ['EmptyContext'])
    for (const length of [1, 20, 47, 48, 49, 60, 64, 128, 255, 1000]) {
      add(`length-${length}`, `${length} bytes`, { length }, ['NoContext'])
    }
    add('context-0', 'an empty context', { context: '' }, ['EmptyContext'])
    for (const length of [1, 2, 12, 32, 255, 256, 257, 700]) {
      add(`context-${length}`, `a context of ${length} bytes`, { context: hexFrom(`context-${length}`, length) })
    }
    add('context-65535', 'a context of 2^16 - 1 bytes', { context: { repeat: 'c5', count: 65535 } }, ['LongestContext'])
    // The same secret, randoms, label and length: only whether there is a context, and which, tells them apart.
    const same = { masterSecret: hexFrom('exporter/same', 48), clientRandom: '01'.repeat(32), serverRandom: '02'.repeat(32) }
    add('same-without', 'no context; beside same-empty', { ...same }, ['NoContext'])
    add('same-empty', 'an empty context: not the bytes of same-without', { ...same, context: '' }, ['EmptyContext'])
    add('same-zeros', 'a context of two zero bytes: not the bytes of same-empty', { ...same, context: '0000' })
    return cases
  })
}
