import { dirname, relative, resolve } from 'node:path'
import ts from 'typescript'
import { describe, expect, it } from 'vitest'
import { parseSource, sourceFiles, src, visitNodes } from '../support/source.ts'

/** A room imports only from rooms on floors below its own; see docs/architecture.md. */
const floors: Readonly<Record<string, number>> = {
  '.': 0,
  wire: 1,
  crypto: 1,
  messages: 2,
  session: 2,
  record: 3,
  x509: 3,
  handshake: 4,
  connection: 5,
  driver: 6,
}

/** Side rooms and adapters: what each may import besides the house (floors 0 to 6). */
const adapters: Readonly<
  Record<string, { rooms: readonly string[]; packages: readonly string[]; node: boolean }>
> = {
  'providers/noble': {
    rooms: [],
    packages: ['@noble/ciphers', '@noble/curves', '@noble/hashes'],
    node: false,
  },
  'providers/node': { rooms: [], packages: [], node: true },
  // Of the cluster, what seals the records of a store that somebody brings along. PKCS #12 is read in pki, by node-forge, which is
  // loaded for the first such file.
  // An agent's sessions are a cache with a bound.
  node: {
    rooms: ['providers/noble', 'providers/node', 'cluster', 'pki'],
    // piscina is loaded only where key workers are wanted.
    packages: ['lru-cache', 'piscina'],
    node: true,
  },
  // Clients of engines are loaded only where a store's URL names one; who has none installs none.
  cluster: {
    rooms: [],
    packages: ['undici', 'lru-cache', 'prom-client', 'ioredis', 'memjs'],
    node: true,
  },
  pki: { rooms: [], packages: ['node-forge'], node: true },
  fuzz: { rooms: [], packages: ['fast-check'], node: false },
  cli: { rooms: ['providers/noble', 'node', 'cluster', 'pki'], packages: ['commander', 'pino'], node: true },
}

/** Packages a room of the house may import; the core has none. */
const housePackages: Readonly<Record<string, readonly string[]>> = { driver: ['lru-cache'] }

interface Import {
  readonly file: string
  readonly room: string
  readonly target: string
}

const imports = sourceFiles.flatMap(importsOf)

describe('floors', () => {
  it('every room is known', () => {
    const rooms = new Set(sourceFiles.map(roomOf))
    expect([...rooms].filter(room => !(room in floors) && !(room in adapters))).toEqual([])
  })

  it('every import goes to a floor below, or is one of the exceptions above', () => {
    expect(imports.length).toBeGreaterThan(100)
    expect(
      imports.filter(wanted => !isAllowed(wanted)).map(({ file, target }) => `${file} -> ${target}`),
    ).toEqual([])
  })

  it('refuses what it is there to refuse', () => {
    const refused: Import[] = [
      { file: 'record/x.ts', room: 'record', target: 'handshake/flow.ts' },
      { file: 'handshake/x.ts', room: 'handshake', target: 'node:crypto' },
      { file: 'messages/x.ts', room: 'messages', target: 'session/session.ts' },
      { file: 'driver/x.ts', room: 'driver', target: 'node:net' },
      { file: 'x509/x.ts', room: 'x509', target: 'providers/noble/rsa.ts' },
      { file: 'cluster/x.ts', room: 'cluster', target: 'node/server.ts' },
      { file: 'providers/noble/x.ts', room: 'providers/noble', target: 'node:crypto' },
      { file: 'providers/node/x.ts', room: 'providers/node', target: 'providers/noble/hash.ts' },
      { file: 'node/x.ts', room: 'node', target: 'node-forge' },
      { file: 'crypto/x.ts', room: 'crypto', target: '@noble/hashes/sha2.js' },
    ]
    expect(refused.filter(isAllowed)).toEqual([])
  })

  it('a bare yield stands in handshake/effects.ts alone', () => {
    const yields = sourceFiles.flatMap(file => {
      const found: string[] = []
      visitNodes(parseSource(file), node => {
        if (ts.isYieldExpression(node) && !node.asteriskToken) found.push(file)
      })
      return found
    })
    expect(yields).toEqual(['handshake/effects.ts'])
  })
})

function isAllowed({ room, target }: Import): boolean {
  const adapter = adapters[room]
  if (target.startsWith('node:')) return adapter?.node ?? false
  if (!target.endsWith('.ts')) {
    const packages = adapter?.packages ?? housePackages[room] ?? []
    return packages.some(name => target === name || target.startsWith(`${name}/`))
  }
  const targetRoom = roomOf(target)
  if (targetRoom === room) return true
  const targetFloor = floors[targetRoom]
  if (adapter) return targetFloor !== undefined || adapter.rooms.includes(targetRoom)
  // index.ts at the top is the core's door, not floor 0: it may show what the core holds.
  const floor = room === 'door' ? 6 : floors[room]!
  return targetFloor !== undefined && targetFloor < floor
}

function importsOf(file: string): Import[] {
  const found: Import[] = []
  visitNodes(parseSource(file), node => {
    const specifier = specifierOf(node)
    if (specifier === undefined) return
    const target = specifier.startsWith('.')
      ? relative(src, resolve(src, dirname(file), specifier))
      : specifier
    found.push({ file, room: file === 'index.ts' ? 'door' : roomOf(file), target })
  })
  return found
}

function specifierOf(node: ts.Node): string | undefined {
  if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier) {
    return (node.moduleSpecifier as ts.StringLiteral).text
  }
  const isDynamic = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword
  const [argument] = isDynamic ? node.arguments : []
  return argument && ts.isStringLiteral(argument) ? argument.text : undefined
}

function roomOf(file: string): string {
  const parts = file.split('/')
  if (parts.length === 1) return '.'
  return parts[0] === 'providers' ? `providers/${parts[1]}` : parts[0]!
}
