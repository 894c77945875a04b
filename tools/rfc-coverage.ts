/**
 * Writes docs/rfc-coverage.md: each requirement with the tests that carry it out or the reason why none does, and which RFC sections
 * the source and the tests cite. `--check` compares instead.
 */
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

const root = fileURLToPath(new URL('../', import.meta.url))
const read = (path: string) => readFileSync(root + path, 'utf8')
const documentPath = 'docs/rfc-coverage.md'

/** A row of test/requirements/requirements.json. */
export interface Requirement {
  readonly id: string
  readonly heading: string
  readonly rfc: string
  readonly role: 'client' | 'server' | 'both'
  readonly requirement: string
  readonly expected: string
  /** `file › describe › test`, as the source has the titles or as a run prints them. */
  readonly tests?: readonly string[]
  /** Why it is not carried out, or carried out otherwise. */
  readonly reason?: string
}

/** The requirement table. */
export function requirements(): readonly Requirement[] {
  return JSON.parse(read('test/requirements/requirements.json')) as Requirement[]
}

/** Whether the test sources hold a test of this name; titles of parametrised tests match what they are filled in with. */
export function isTestName(name: string): boolean {
  const [file, ...titles] = name.split(' › ')
  return testsOf(file!).some(
    test => test.length === titles.length && test.every((title, i) => title.matches(titles[i]!)),
  )
}

/** All tests as they could be named in the table. */
export function allTestNames(): string[] {
  return filesUnder('test')
    .filter(file => file.endsWith('.test.ts'))
    .flatMap(file => testsOf(file).map(titles => [file, ...titles.map(({ text }) => text)].join(' › ')))
}

interface Title {
  readonly text: string
  matches(wanted: string): boolean
}

const known = new Map<string, readonly (readonly Title[])[]>()

/** The titles of each test of a file, outermost describe first. */
function testsOf(file: string): readonly (readonly Title[])[] {
  const found = known.get(file)
  if (found) return found
  const tests: Title[][] = []
  const visit = (node: ts.Node, around: readonly Title[]): void => {
    const call = ts.isCallExpression(node) ? calledTest(node) : undefined
    if (call?.kind === 'test') tests.push([...around, call.title])
    const inside = call?.kind === 'describe' ? [...around, call.title] : around
    ts.forEachChild(node, child => visit(child, inside))
  }
  if (existsSync(root + file)) visit(parse(file), [])
  known.set(file, tests)
  return tests
}

function parse(file: string): ts.SourceFile {
  return ts.createSourceFile(file, read(file), ts.ScriptTarget.ES2022, true)
}

/** `test(title, ...)`, `it.each(rows)(title, ...)`, `describe.skipIf(x)(title, ...)`. */
function calledTest(node: ts.CallExpression): { kind: 'test' | 'describe'; title: Title } | undefined {
  const [title, body] = node.arguments
  if (!title || !body) return undefined
  const word = /^(test|it|describe)\b/.exec(node.expression.getText())?.[1]
  if (!word || !(ts.isIdentifier(node.expression) || ts.isCallExpression(node.expression))) return undefined
  return { kind: word === 'describe' ? 'describe' : 'test', title: titleOf(title) }
}

function titleOf(node: ts.Expression): Title {
  const text = textOf(node)
  const pattern = patternOf(text)
  const matches = (wanted: string) => {
    if (wanted === text) return true
    // A title that is nothing but gaps is filled with something that stands in the file, or in what all tests share.
    if (pattern === undefined) return fillings(node.getSourceFile().fileName).some(filling => filling(wanted))
    return pattern.test(wanted)
  }
  return { text, matches }
}

/** A title as the source has it, its gaps included. */
function textOf(node: ts.Node): string {
  return ts.isStringLiteralLike(node) ? node.text : node.getText().replace(/^`|`$/g, '')
}

/** What a title looks like once its gaps are filled; `undefined` when there is nothing but gaps. */
function patternOf(text: string): RegExp | undefined {
  const parts = text.split(/%[a-z%]|\$\{[^}]*\}|\$[\w.]+/)
  if (!parts.some(part => /\w/.test(part))) return undefined
  return new RegExp(`^${parts.map(part => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')).join('.+')}$`)
}

const sharedFile = 'test/support/scenes.ts'
const fillingsOf = new Map<string, readonly ((wanted: string) => boolean)[]>()

/** The strings and templates of a file and of the shared scenes. */
function fillings(file: string): readonly ((wanted: string) => boolean)[] {
  const found = fillingsOf.get(file)
  if (found) return found
  const made: ((wanted: string) => boolean)[] = []
  const visit = (node: ts.Node): void => {
    if (ts.isStringLiteralLike(node)) made.push(wanted => wanted === node.text)
    const pattern = ts.isTemplateExpression(node) ? patternOf(textOf(node)) : undefined
    if (pattern) made.push(wanted => pattern.test(wanted))
    if (ts.isPropertyAssignment(node)) made.push(wanted => wanted === node.name.getText())
    ts.forEachChild(node, visit)
  }
  for (const each of new Set([file, sharedFile])) visit(parse(each))
  fillingsOf.set(file, made)
  return made
}

/** Which files cite a section: `RFC 5246 §7.4.9`. */
type Citations = ReadonlyMap<string, readonly string[]>

function citationsIn(room: string): Citations {
  const cited = new Map<string, Set<string>>()
  for (const file of filesUnder(room)) {
    const comments = read(file).replace(/\n\s*(\*|\/\/) ?/g, ' ')
    for (const [, number, sections] of comments.matchAll(
      /RFC (\d{4}) ((?:§[\w.]+(?:, | and | to |\/)?)+)/g,
    )) {
      for (const [, section] of sections!.matchAll(/§([\w.]*\w)/g)) {
        const key = `${number} ${section}`
        cited.set(key, (cited.get(key) ?? new Set()).add(file.slice(room.length + 1)))
      }
    }
  }
  return new Map([...cited].map(([key, files]) => [key, [...files].sort()]))
}

function filesUnder(room: string): string[] {
  return readdirSync(root + room, { recursive: true, encoding: 'utf8' })
    .filter(file => file.endsWith('.ts'))
    .map(file => `${room}/${file.replaceAll('\\', '/')}`)
    .sort()
}

/** The document as it should be. */
export function generate(): string {
  const rows = requirements()
  const tested = rows.filter(({ tests }) => tests)
  return `${[
    '# RFC coverage',
    '',
    '<!-- Written by `npm run rfc-coverage`; change test/requirements/requirements.json and the citations in source and tests. -->',
    '',
    `${rows.length} requirements of TLS 1.2 in our own words: ${tested.length} are carried out, with their tests, ${rows.length - tested.length} are not, with the reason.`,
    'A test is named `file: describe › test`; the titles of parametrised tests are those of the source.',
    ...[...new Set(rows.map(({ heading }) => heading))].flatMap(heading => section(heading, rows)),
    ...citationTable(),
  ].join('\n')}\n`
}

function section(heading: string, rows: readonly Requirement[]): string[] {
  return [
    '',
    `## ${heading}`,
    '',
    '| | RFC | role | requirement | expected | tests, or why not |',
    '|---|---|---|---|---|---|',
    ...rows
      .filter(row => row.heading === heading)
      .map(row => {
        const tests = (row.tests ?? []).map(name => inCode(escaped(name.slice(5).replace(' › ', ': '))))
        const last = [...(row.reason ? [escaped(row.reason)] : []), ...tests].join('<br>')
        const { id, rfc, role, requirement, expected } = row
        return `| ${[id, rfc, role, escaped(requirement), escaped(expected), last].join(' | ')} |`
      }),
  ]
}

/** Two ticks round what has one inside. */
const inCode = (text: string) => (text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``)
const escaped = (text: string) => text.replaceAll('|', '\\|')

function citationTable(): string[] {
  const [source, tests] = [citationsIn('src'), citationsIn('test')]
  const keys = [...new Set([...source.keys(), ...tests.keys()])].sort(inOrder)
  const files = (citations: Citations, key: string) => citations.get(key)?.join(', ') ?? '-'
  return [
    '',
    '## Sections, and where they are cited',
    '',
    '| RFC | section | src/ | test/ |',
    '|---|---|---|---|',
    ...keys.map(key => {
      const [number, at] = key.split(' ')
      return `| ${number} | ${at} | ${files(source, key)} | ${files(tests, key)} |`
    }),
  ]
}

/** By RFC, then by section as numbers: 7.4.9 before 7.4.10, appendices last. */
function inOrder(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true })
}

function main(): void {
  const wanted = generate()
  if (!process.argv.includes('--check')) writeFileSync(root + documentPath, wanted)
  else if (read(documentPath) !== wanted) {
    console.error(`${documentPath} is not what the table and the citations say: run npm run rfc-coverage`)
    process.exitCode = 1
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main()
