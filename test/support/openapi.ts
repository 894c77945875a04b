/** As much of OpenAPI 3.1 as it takes to hold a document and a running server to each other. */
import { Ajv2020, type ValidateFunction } from 'ajv/dist/2020.js'

type Json = null | boolean | number | string | Json[] | { [name: string]: Json }
type Fields = Readonly<Record<string, Json>>

/** A reply as a client got it; header names in lower case. */
export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: Uint8Array
}

/** A documented operation. */
export interface Operation {
  readonly id: string
  readonly method: string
  readonly path: string
  readonly statuses: readonly number[]
}

const httpMethods = ['get', 'put', 'post', 'delete', 'options', 'head', 'patch', 'trace']
/** What node:http adds by itself, and what frames a body. */
const plainHeaders = ['date', 'connection', 'keep-alive', 'content-length', 'content-type']

export class OpenApi {
  readonly #root: Fields
  readonly #ajv = new Ajv2020({ strict: true, allErrors: true })

  constructor(document: unknown) {
    this.#root = fields(document)
    this.#ajv.addVocabulary(['components'])
    this.#ajv.addSchema({ $id: 'document', components: this.#root.components }, 'document')
  }

  /** What is wrong with the document itself: references to nowhere, responses without a description, schemas that are none. */
  faults(): string[] {
    const faults: string[] = []
    if (!String(this.#root.openapi).startsWith('3.1.')) faults.push('openapi: is not 3.1')
    visit(this.#root, '#', (node, path) => {
      const { $ref } = node
      if ($ref !== undefined && this.#at(String($ref)) === undefined) faults.push(`${path}: no ${$ref}`)
      if (path.endsWith('/schema') && this.#tryCompile(node))
        faults.push(`${path}: ${this.#tryCompile(node)}`)
    })
    const schemes = Object.keys(fields(this.#at('#/components/securitySchemes')))
    for (const { id, item, operation } of this.#all()) {
      for (const [status, response] of Object.entries(fields(operation.responses))) {
        if (!/^[1-5]\d\d$/.test(status)) faults.push(`${id}: ${status} is no status`)
        if (typeof this.#resolved(response).description !== 'string')
          faults.push(`${id} ${status}: no description`)
      }
      if (!Array.isArray(operation.security)) faults.push(`${id}: says nothing of security`)
      for (const demand of (operation.security ?? []) as Json[])
        for (const name of Object.keys(fields(demand)))
          if (!schemes.includes(name)) faults.push(`${id}: no scheme ${name}`)
      const parameters = [...list(item.parameters), ...list(operation.parameters)].map(p => this.#resolved(p))
      const named = parameters.filter(p => p.in === 'path').map(p => `{${p.name}}`)
      if (named.join() !== (id.path.match(/\{\w+\}/g) ?? []).join())
        faults.push(`${id.path}: parameters ${named}`)
    }
    const ids = this.operations.map(operation => operation.id)
    if (new Set(ids).size < ids.length || ids.includes('undefined'))
      faults.push('an operationId is missing or there twice')
    return faults
  }

  get operations(): readonly Operation[] {
    return this.#all().map(({ id, operation }) => ({
      id: String(operation.operationId),
      ...{ method: id.method.toUpperCase(), path: id.path },
      statuses: Object.keys(fields(operation.responses)).map(Number),
    }))
  }

  /** The operation of a request; which of the two it has not, when there is none. */
  find(method: string, path: string): Operation | 'noSuchPath' | 'noSuchMethod' {
    const here = this.operations.filter(operation => pattern(operation.path).test(path))
    if (here.length === 0) return 'noSuchPath'
    return here.find(operation => operation.method === method) ?? 'noSuchMethod'
  }

  /** What in a reply is not as the document has it. `component` names a response of `components` that belongs to no operation. */
  violations(reply: Reply, where: { operation: Operation } | { component: string }): string[] {
    const response =
      'operation' in where
        ? this.#response(where.operation, reply.status)
        : this.#at(`#/components/responses/${where.component}`)
    if (response === undefined) return [`${reply.status} is not documented`]
    const isHead = 'operation' in where && where.operation.method === 'HEAD'
    const { headers = {}, content } = this.#resolved(response)
    return [
      ...this.#headerFaults(fields(headers), reply),
      ...(isHead ? [] : this.#bodyFaults(content, reply)),
    ]
  }

  #response({ method, path }: Operation, status: number): Json | undefined {
    return fields(fields(fields(fields(this.#root.paths)[path])[method.toLowerCase()]).responses)[status]
  }

  #headerFaults(documented: Fields, { headers }: Reply): string[] {
    const wrong = Object.entries(documented).flatMap(([name, header]) => {
      const value = headers[name]
      if (value === undefined) return [`header ${name} is missing`]
      const fault = this.#fault(this.#resolved(header).schema!, value)
      return fault === undefined ? [] : [`header ${name}: ${fault}`]
    })
    const strange = Object.keys(headers).filter(name => !(name in documented) && !plainHeaders.includes(name))
    return [...wrong, ...strange.map(name => `header ${name} is not documented`)]
  }

  #bodyFaults(content: Json | undefined, { headers, body }: Reply): string[] {
    const type = headers['content-type']
    if (content === undefined)
      return body.length === 0 && type === undefined ? [] : [`a body of ${body.length} bytes`]
    const media = fields(content)[String(type)]
    if (media === undefined) return [`content type ${type} is not documented`]
    const text = Buffer.from(body).toString(type === 'application/octet-stream' ? 'latin1' : 'utf8')
    const fault = this.#fault(fields(media).schema!, type === 'application/json' ? JSON.parse(text) : text)
    return fault === undefined ? [] : [`body: ${fault}`]
  }

  #fault(schema: Json, value: unknown): string | undefined {
    const validate = this.#compile(schema)
    return validate(value) ? undefined : this.#ajv.errorsText(validate.errors)
  }

  #compile(schema: Json): ValidateFunction {
    const text = JSON.stringify(schema).replaceAll('"#/components/', '"document#/components/')
    return this.#ajv.compile(JSON.parse(text))
  }

  #tryCompile(schema: Json): string | undefined {
    try {
      this.#compile(schema)
      return undefined
    } catch (error) {
      return String(error)
    }
  }

  #all() {
    return Object.entries(fields(this.#root.paths)).flatMap(([path, item]) =>
      Object.entries(fields(item))
        .filter(([method]) => httpMethods.includes(method))
        .map(([method, operation]) => ({
          id: { path, method, toString: () => `${method} ${path}` },
          item: fields(item),
          operation: fields(operation),
        })),
    )
  }

  #resolved(node: Json): Fields {
    const { $ref } = fields(node)
    return $ref === undefined ? fields(node) : fields(this.#at(String($ref)))
  }

  #at(reference: string): Json | undefined {
    return reference
      .slice(2)
      .split('/')
      .reduce<Json | undefined>(
        (node, name) => (node === undefined ? node : fields(node)[name]),
        this.#root as Json,
      )
  }
}

function fields(node: unknown): Fields {
  return typeof node === 'object' && node !== null && !Array.isArray(node) ? (node as Fields) : {}
}

function list(node: Json | undefined): readonly Json[] {
  return Array.isArray(node) ? node : []
}

function pattern(path: string): RegExp {
  return new RegExp(`^${path.replace(/\{\w+\}/g, '[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]')}$`)
}

function visit(
  node: Json | Fields,
  path: string,
  see: (node: { [name: string]: Json }, path: string) => void,
): void {
  if (typeof node !== 'object' || node === null) return
  if (!Array.isArray(node)) see(node as { [name: string]: Json }, path)
  for (const [name, child] of Object.entries(node)) visit(child, `${path}/${name.replaceAll('/', '~1')}`, see)
}
