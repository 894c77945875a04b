/** Every name that node:tls has: of the module as it runs, of its prototypes, and of its types with those they inherit. */
import { Server as NetServer, Socket } from 'node:net'
import { Duplex } from 'node:stream'
import * as tls from 'node:tls'
import { fileURLToPath } from 'node:url'
import ts from 'typescript'

/** A section of docs/node-api.md. */
export type Section =
  | 'Functions, classes and values'
  | 'Types'
  | 'Options of a secure context'
  | 'Options of a server'
  | 'Options of a client and of a socket'
  | 'Events of a server'
  | 'Events of a socket'
  | 'Methods and properties of a server'
  | 'Methods and properties of a socket'

/** What asks the compiler: each declaration's type has the names of one section. */
const questions = `
import * as net from 'node:net'
import * as tls from 'node:tls'
export declare const context: tls.SecureContextOptions
export declare const serverOptions: tls.TlsOptions & net.ListenOptions
export declare const clientOptions: tls.ConnectionOptions & tls.TLSSocketOptions &
  net.TcpNetConnectOpts & net.IpcNetConnectOpts
export declare const server: tls.Server
export declare const socket: tls.TLSSocket
export declare const netServer: net.Server
export declare const netSocket: net.Socket
`

const file = fileURLToPath(new URL('questions.ts', import.meta.url))
const options: ts.CompilerOptions = {
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  types: ['node'],
  strict: true,
  skipLibCheck: true,
}

/** The names of each section, sorted. Those that begin with an underscore are Node's own business. */
export function namesOfNode(): Record<Section, string[]> {
  const types = typesOfNode()
  const context = types.properties('context')
  const server = without(types.properties('serverOptions'), [...context, ...types.listenOptions()])
  const stream = [...propertiesOf(Duplex.prototype), ...types.inherited()]
  return {
    'Functions, classes and values': sorted([...Object.keys(tls), ...types.exported(true)]),
    Types: without(types.exported(false), Object.keys(tls)),
    'Options of a secure context': context,
    'Options of a server': server,
    'Options of a client and of a socket': without(types.properties('clientOptions'), [
      ...context,
      ...server,
    ]),
    'Events of a server': sorted([...types.events('server'), ...types.events('netServer')]),
    'Events of a socket': sorted([...types.events('socket'), ...types.events('netSocket')]),
    'Methods and properties of a server': without(
      [...types.properties('server'), ...own(tls.Server), ...own(NetServer)],
      stream,
    ),
    'Methods and properties of a socket': without(
      [...types.properties('socket'), ...own(tls.TLSSocket), ...own(Socket), ...Object.keys(looseSocket())],
      stream,
    ),
  }
}

/** What a socket has that no prototype and no type shows. */
const looseSocket = () => new tls.TLSSocket(new Duplex() as Socket).on('error', () => {})

const own = (made: { prototype: object }) => Object.getOwnPropertyNames(made.prototype)

function propertiesOf(prototype: object | null): string[] {
  if (prototype === null) return []
  return [...Object.getOwnPropertyNames(prototype), ...propertiesOf(Object.getPrototypeOf(prototype))]
}

const sorted = (names: readonly string[]) =>
  [...new Set(names)].filter(name => !name.startsWith('_') && name !== 'constructor').sort()

const without = (names: readonly string[], others: readonly string[]) =>
  sorted(names).filter(name => !others.includes(name))

function typesOfNode() {
  const host = ts.createCompilerHost(options)
  const read = host.getSourceFile
  host.getSourceFile = (name, ...rest) =>
    name === file ? ts.createSourceFile(name, questions, ts.ScriptTarget.ES2022) : read(name, ...rest)
  const program = ts.createProgram([file], options, host)
  const checker = program.getTypeChecker()
  const source = program.getSourceFile(file)!
  const asked = new Map(
    checker
      .getExportsOfModule(checker.getSymbolAtLocation(source)!)
      .map(symbol => [symbol.name, checker.getTypeOfSymbol(symbol)]),
  )
  const propertiesOfType = (type: ts.Type) =>
    sorted(checker.getPropertiesOfType(type).map(({ name }) => name)).filter(name => !name.startsWith('['))
  const moduleNamed = (name: string) =>
    checker.getAmbientModules().find(module => module.name === `"${name}"`)!
  const exportOf = (module: string, name: string) =>
    checker.getDeclaredTypeOfSymbol(
      checker.getExportsOfModule(moduleNamed(module)).find(symbol => symbol.name === name)!,
    )
  return {
    properties: (name: string) => propertiesOfType(asked.get(name)!),
    /** What the module has at run time, or what is a type alone. */
    exported: (isValue: boolean) =>
      sorted(
        checker
          .getExportsOfModule(moduleNamed('tls'))
          .filter(({ flags }) => ((flags & ts.SymbolFlags.Value) !== 0) === isValue)
          .map(({ name }) => name),
      ),
    /** What `listen` takes is net.Server's, and so is what it does with it. */
    listenOptions: () => propertiesOfType(exportOf('net', 'ListenOptions')),
    /** What every stream and every emitter has. */
    inherited: () => [
      ...propertiesOfType(exportOf('stream', 'Duplex')),
      ...propertiesOfType(exportOf('events', 'EventEmitter')),
    ],
    events: (name: string) =>
      asked
        .get(name)!
        .getProperty('on')!
        .getDeclarations()!
        .map(declaration => (declaration as ts.MethodDeclaration).parameters[0]!.type)
        .filter(type => type !== undefined && ts.isLiteralTypeNode(type))
        .map(type => ((type as ts.LiteralTypeNode).literal as ts.StringLiteral).text),
  }
}
