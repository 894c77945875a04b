import { ApiMisuse } from '../errors.ts'

/** Where a JSON document came from, and whether its values may be shown in an error. */
export interface JsonSource {
  /** What errors begin with: a path, or the name of an environment variable. */
  readonly name: string
  /** A document with keys in it: errors tell the field and what is needed, never what was there. */
  readonly secret: boolean
}

/**
 * One value of a configuration file and the path to it. Every check either returns the typed value or throws
 * ApiMisuse in one line that names the field and says what to write there.
 */
export class JsonField {
  readonly path: string
  readonly #value: unknown
  readonly #source: JsonSource

  constructor(source: JsonSource, path: string, value: unknown) {
    this.#source = source
    this.path = path
    this.#value = value
  }

  /** The root of a document. JSON.parse's own message quotes the text, keys and all, so it is not passed on. */
  static parse(text: string, source: JsonSource): JsonField {
    try {
      return new JsonField(source, '', JSON.parse(text))
    } catch {
      throw new ApiMisuse(`${source.name}: this is not JSON; check for a missing comma, quote or bracket`)
    }
  }

  get absent(): boolean {
    return this.#value === undefined
  }

  get isNull(): boolean {
    return this.#value === null
  }

  /** The members of an object, absent ones included. A name that is not among `names` is a spelling mistake. */
  members<const N extends string>(names: readonly N[]): Readonly<Record<N, JsonField>> {
    const value = this.#value
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return this.fail('an object')
    const unknown = Object.keys(value).find(name => !(names as readonly string[]).includes(name))
    if (unknown !== undefined)
      this.#member(unknown, undefined).#refuse(`no such field; known are ${names.join(', ')}`)
    const entries = names.map(name => [name, this.#member(name, (value as Record<string, unknown>)[name])])
    return Object.fromEntries(entries) as Record<N, JsonField>
  }

  /** The items of an array of `min` to `max`. */
  items(min: number, max: number): readonly JsonField[] {
    const value = this.#value
    if (!Array.isArray(value) || value.length < min || value.length > max) {
      return this.fail(`a list of ${min} to ${max} items`)
    }
    return value.map((item, i) => new JsonField(this.#source, `${this.path}[${i}]`, item))
  }

  /** A whole number from `min` to `max`. */
  integer(min: number, max: number): number {
    const value = this.#value
    if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max) {
      return this.fail(`a whole number from ${min} to ${max}`)
    }
    return value
  }

  /** A string that matches; `need` says in words what it must be. */
  text(pattern: RegExp, need: string): string {
    const value = this.#value
    return typeof value === 'string' && pattern.test(value) ? value : this.fail(need)
  }

  /** One of a few words. */
  oneOf<const W extends string>(words: readonly W[]): W {
    return words.find(word => word === this.#value) ?? this.fail(`one of ${words.join(', ')}`)
  }

  /** Throws ApiMisuse: `cluster.json: nodes[2].weight: need a whole number from 1 to 100, have "x"`. */
  fail(need: string): never {
    return this.#refuse(`need ${need}${this.#shown()}`)
  }

  #refuse(problem: string): never {
    const where = this.path === '' ? this.#source.name : `${this.#source.name}: ${this.path}`
    throw new ApiMisuse(`${where}: ${problem}`)
  }

  #member(name: string, value: unknown): JsonField {
    return new JsonField(this.#source, this.path === '' ? name : `${this.path}.${name}`, value)
  }

  #shown(): string {
    if (this.absent) return ', have nothing'
    if (this.#source.secret) return ''
    const shown = JSON.stringify(this.#value)
    return `, have ${shown.length > 60 ? `${shown.slice(0, 60)}...` : shown}`
  }
}
