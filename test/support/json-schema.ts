/**
 * As much of JSON Schema as the schemas of vectors/ need. A keyword that is not here is an error, so that a
 * schema cannot demand what nobody checks.
 */
export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }
export interface Schema {
  [keyword: string]: Json
}
/** The schema a `$ref` names, and the function for the `$ref`s inside it. */
export type Resolve = (reference: string) => { schema: Schema; resolve: Resolve }

type Check = (
  demand: Json,
  value: Json,
  context: { schema: Schema; resolve: Resolve; path: string },
) => string[]

/** What `value` violates, as sentences that start with its path; empty when it conforms. */
export function violations(schema: Schema, value: Json, resolve: Resolve, path = '$'): string[] {
  return Object.entries(schema).flatMap(([keyword, demand]) => {
    const check = checks[keyword]
    if (check === undefined) throw new Error(`${path}: the keyword ${keyword} is unknown here`)
    return check(demand, value, { schema, resolve, path })
  })
}

const isObject = (value: Json | undefined): value is { [name: string]: Json } =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

const checks: Record<string, Check> = {
  $schema: () => [],
  $defs: () => [],
  title: () => [],
  description: () => [],
  $ref(reference, value, { resolve, path }) {
    const target = resolve(String(reference))
    return violations(target.schema, value, target.resolve, path)
  },
  type: (type, value, { path }) =>
    typeOf(value) === type ? [] : [`${path}: is ${typeOf(value)}, not ${type}`],
  const: (wanted, value, { path }) => (value === wanted ? [] : [`${path}: is not ${JSON.stringify(wanted)}`]),
  enum: (members, value, { path }) =>
    (members as Json[]).includes(value)
      ? []
      : [`${path}: ${JSON.stringify(value)} is not in the enumeration`],
  pattern: (pattern, value, { path }) =>
    typeof value !== 'string' || new RegExp(String(pattern), 'u').test(value)
      ? []
      : [`${path}: does not fit ${pattern}`],
  minimum: (least, value, { path }) => (Number(value) >= Number(least) ? [] : [`${path}: is below ${least}`]),
  maximum: (most, value, { path }) => (Number(value) <= Number(most) ? [] : [`${path}: is above ${most}`]),
  minItems: (least, value, { path }) =>
    !Array.isArray(value) || value.length >= Number(least) ? [] : [`${path}: has fewer than ${least} items`],
  minProperties: (least, value, { path }) =>
    !isObject(value) || Object.keys(value).length >= Number(least)
      ? []
      : [`${path}: has fewer than ${least} properties`],
  items: (schema, value, { resolve, path }) =>
    Array.isArray(value)
      ? value.flatMap((item, i) => violations(schema as Schema, item, resolve, `${path}[${i}]`))
      : [],
  required: (names, value, { path }) =>
    isObject(value)
      ? (names as string[]).filter(name => !(name in value)).map(name => `${path}: ${name} is missing`)
      : [],
  properties(schemas, value, { resolve, path }) {
    if (!isObject(value) || !isObject(schemas)) return []
    return Object.entries(schemas).flatMap(([name, schema]) =>
      name in value ? violations(schema as Schema, value[name]!, resolve, `${path}.${name}`) : [],
    )
  },
  additionalProperties(demand, value, { schema, resolve, path }) {
    if (!isObject(value)) return []
    const known = isObject(schema.properties) ? schema.properties : {}
    const others = Object.keys(value).filter(name => !(name in known))
    if (demand === false) return others.map(name => `${path}: ${name} is not a known property`)
    return others.flatMap(name => violations(demand as Schema, value[name]!, resolve, `${path}.${name}`))
  },
  anyOf(schemas, value, { resolve, path }) {
    const fits = (schemas as Schema[]).some(schema => violations(schema, value, resolve, path).length === 0)
    return fits ? [] : [`${path}: fits none of ${(schemas as Schema[]).length} schemas`]
  },
}

function typeOf(value: Json): string {
  if (value === null) return 'null'
  if (Array.isArray(value)) return 'array'
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number'
  return typeof value
}
