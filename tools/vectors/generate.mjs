/**
 * Writes vectors/*.json, or with --check compares them with what the oracles say today. Every value comes
 * from oracles that have nothing to do with this library, and at least two of them have to agree on it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { expand, hexOrDigest } from './bytes.mjs'
import { emsCases, exporterCases, keyBlockCases, masterSecretCases, prfCases, verifyDataCases } from './kdf-kinds.mjs'
import { nodeOracle } from './node-oracle.mjs'
import { notes } from './notes.mjs'
import { findOpensslOracle } from './openssl-oracle.mjs'
import { findPythonOracle } from './python-oracle.mjs'
import { recordOpenCases, recordProtectCases } from './record-kinds.mjs'

const kinds = {
  prf: { cases: prfCases, rfc: ['5246#5'] },
  master_secret: { cases: masterSecretCases, rfc: ['5246#8.1'] },
  ems: { cases: emsCases, rfc: ['7627#4'] },
  key_block: { cases: keyBlockCases, rfc: ['5246#6.3'] },
  verify_data: { cases: verifyDataCases, rfc: ['5246#7.4.9'] },
  exporter: { cases: exporterCases, rfc: ['5705#4'] },
  record_protect: { cases: recordProtectCases },
  record_open: { cases: recordOpenCases },
}

const fileOf = kind => new URL(`../../vectors/${kind}.json`, import.meta.url)

/** The text of each kind's file. */
async function generate(oracles) {
  const texts = new Map()
  for (const [kind, { cases, rfc }] of Object.entries(kinds)) {
    const asked = await cases()
    const expectations = await askOracles(kind, asked, oracles)
    const tests = asked.map((one, i) => toTest({ kind, rfc, one, tcId: i + 1, ...expectations[i] }))
    texts.set(kind, fileText(kind, tests))
  }
  return texts
}

/**
 * What each case expects, and who agrees. The expectation of record_open was reasoned beforehand; elsewhere
 * it is the first oracle's answer, or a published value. Throws where an oracle disagrees.
 */
async function askOracles(kind, cases, oracles) {
  const questions = cases.map(({ input }) => ({ kind, input }))
  const ballots = await Promise.all(oracles.map(oracle => oracle.answer(questions)))
  return cases.map((one, i) => {
    const expected = one.expected ?? { ...ballots[0][i], ...one.published }
    const votes = oracles.flatMap(({ name }, o) => (ballots[o][i] === undefined ? [] : [[name, ballots[o][i]]]))
    for (const [name, vote] of votes) {
      if (!agrees(vote, expected, one.alerts)) {
        throw new Error(`${one.id}: ${name} says ${shorten(vote)}, expected was ${shorten(expected)}`)
      }
    }
    if (votes.length < 2) throw new Error(`${one.id}: has fewer than two oracles`)
    const names = [...votes.map(([name]) => name), ...(one.published ? ['ietf-tls-wg'] : [])]
    return { expected, oracles: Object.fromEntries(names.map(name => [name, 'agrees'])) }
  })
}

function agrees(vote, expected, alerts) {
  if (alerts) return vote.outcome === 'alert' && alerts.includes(vote.alert)
  return canonical(vote) === canonical(expected)
}

const canonical = value =>
  JSON.stringify(value, (_, v) => (v && typeof v === 'object' && !Array.isArray(v) ? Object.fromEntries(Object.entries(v).sort()) : v))

const shorten = value => JSON.stringify(value).slice(0, 200)

function toTest({ kind, rfc, one, tcId, expected, oracles }) {
  const { id, comment, input, shown, written, alerts, flags = [] } = one
  const head = { tcId, id, comment, kind }
  const result = alerts ? 'invalid' : 'valid'
  const tail = { rfc: one.rfc ?? rfc, level: 'MUST', flags, oracles }
  if (kind === 'record_protect') {
    const fragment = hexOrDigest(expand(expected.fragment))
    return { ...head, ...input, ...shown, fragment, result, ...tail }
  }
  if (kind !== 'record_open') return { ...head, ...input, result, ...expected, ...tail }
  const seen = { ...head, ...input, fragment: shown.fragment, result }
  if (alerts) return { ...seen, expect: { outcome: 'alert', alerts, preferred: alerts[0] }, ...tail }
  return { ...seen, plaintext: shown.plaintext, ...written, ...tail }
}

/** A header one can read and a test a line, so that a change shows as the lines it touches. */
function fileText(kind, tests) {
  const used = new Set(tests.flatMap(test => test.flags))
  for (const flag of used) if (!notes[flag]) throw new Error(`the flag ${flag} has no note`)
  const described = Object.entries(notes).filter(([flag]) => used.has(flag))
  const lines = list => (list.length === 0 ? '' : `\n${list.map(line => `    ${line}`).join(',\n')}\n  `)
  return `{
  "schema": "${kind}_v1.json",
  "suite": "tls12-vectors",
  "version": 1,
  "kind": "${kind}",
  "notes": {${lines(described.map(([flag, note]) => `${JSON.stringify(flag)}: ${JSON.stringify(note)}`))}},
  "numberOfTests": ${tests.length},
  "tests": [${lines(tests.map(test => JSON.stringify(test)))}]
}
`
}

/** Compares the files with `texts`; versions in the names of oracles may differ. True when all is equal. */
function check(texts) {
  let differences = 0
  for (const [kind, text] of texts) {
    const wanted = testsById(text)
    const found = testsById(readOrEmpty(kind))
    const ids = new Set([...wanted.keys(), ...found.keys()])
    const wrong = [...ids].filter(id => wanted.get(id) !== found.get(id))
    for (const id of wrong.slice(0, 10)) console.log(`  ${id === '' ? `the head of ${kind}.json` : id} ${describe(id, wanted, found)}`)
    if (wrong.length > 10) console.log(`  and ${wrong.length - 10} more`)
    console.log(`${kind}: ${wanted.size - 1} vectors, ${wrong.length} differences`)
    differences += wrong.length
  }
  return differences === 0
}

const describe = (id, wanted, found) =>
  !found.has(id) ? 'is not in the file' : !wanted.has(id) ? 'should not be in the file' : 'is different in the file'

function readOrEmpty(kind) {
  try {
    return readFileSync(fileOf(kind), 'utf8')
  } catch (error) {
    if (error.code === 'ENOENT') return '{"tests":[]}'
    throw error
  }
}

/** Every test as comparable text under its id, the head of the file under ''. An id that comes twice is an error. */
function testsById(text) {
  const { tests, ...head } = JSON.parse(text)
  const byId = new Map([['', canonical(head)]])
  for (const test of tests) {
    const voters = Object.entries(test.oracles).map(([name, vote]) => [name.replace(/-\d+\.\d+$/, ''), vote])
    if (byId.has(test.id)) throw new Error(`${test.id} comes twice`)
    byId.set(test.id, canonical({ ...test, oracles: Object.fromEntries(voters) }))
  }
  return byId
}

async function main(args) {
  if (args.some(arg => arg !== '--check')) {
    console.error('usage: node tools/vectors/generate.mjs [--check]')
    return 2
  }
  const oracles = [nodeOracle, findOpensslOracle(), findPythonOracle()]
  const missing = oracles.filter(oracle => typeof oracle === 'string')
  for (const sentence of missing) console.error(`vectors need their oracles: ${sentence}`)
  if (missing.length > 0) return 1
  console.log(`oracles: ${oracles.map(({ name }) => name).join(', ')}`)
  const texts = await generate(oracles)
  if (args.includes('--check')) return check(texts) ? 0 : 1
  for (const [kind, text] of texts) {
    writeFileSync(fileOf(kind), text)
    console.log(`${kind}: ${testsById(text).size - 1} vectors, ${text.length} bytes`)
  }
  return 0
}

process.exitCode = await main(process.argv.slice(2))
