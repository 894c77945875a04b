/** What options must be, refused with the codes that node:tls has for it. */
import { ApiMisuse } from '../errors.ts'
import { apiMisuse } from './api-misuse.ts'

/** A PEM text, or its bytes. Other views of bytes are taken too, as node:tls does and its types do not say. */
export type Pem = string | Uint8Array

/** Options as Node's types have them: who made them may change them until they are used. We only read. */
export type Writable<T> = { -readonly [K in keyof T]: T[K] }

/** A text, `undefined` for none. Throws ERR_INVALID_ARG_TYPE; the value itself is in no message, it may be a passphrase. */
export function readText(name: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string') throw wrongType(name, 'a string', value)
  return value
}

/** The text of a PEM file, one character a byte. */
export function readPem(name: string, value: unknown): string {
  if (typeof value === 'string') return value
  return Buffer.from(readBytes(name, value)).toString('latin1')
}

/** The PEM texts of an option that takes one or many. */
export function readPems(name: string, value: unknown): string[] {
  return listOf(value).map(item => readPem(name, item))
}

/** The bytes of a view; throws ERR_INVALID_ARG_TYPE for anything else. */
export function readBytes(name: string, value: unknown): Uint8Array {
  if (!ArrayBuffer.isView(value))
    throw wrongType(name, 'a string, a Buffer, a TypedArray or a DataView', value)
  return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
}

/** One or many, or nothing, as a list. */
export function listOf(value: unknown): readonly unknown[] {
  if (value === undefined || value === null) return []
  return Array.isArray(value) ? value : [value]
}

/** A whole number from 0 to 2^31 - 1, `undefined` for none. */
export function readCount(name: string, value: unknown): number | undefined {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'number') throw wrongType(name, 'a number', value)
  if (!Number.isInteger(value) || value < 0 || value > 2 ** 31 - 1)
    throw apiMisuse('ERR_OUT_OF_RANGE', `${name}: came ${value}, wanted a whole number from 0 to 2147483647`)
  return value
}

/** A function, `undefined` for none. */
export function readFunction<T>(name: string, value: T): T {
  if (value !== undefined && value !== null && typeof value !== 'function')
    throw wrongType(name, 'a function', value)
  return value
}

/** An object. */
export function readObject<T>(name: string, value: T): T & object {
  if (typeof value !== 'object' || value === null) throw wrongType(name, 'an object', value)
  return value
}

/** An object that has these methods, `undefined` for none. `wanted` says in words what it should be. */
export function requireMethods(
  name: string,
  value: unknown,
  methods: readonly string[],
  wanted: string,
): void {
  if (value === undefined || value === null) return
  const isThere = (method: string) => typeof Reflect.get(Object(value), method) === 'function'
  if (!methods.every(isThere)) throw wrongType(name, wanted, value)
}

/** The error for a value of another type than the option takes. */
export function wrongType(name: string, wanted: string, value: unknown): ApiMisuse {
  return apiMisuse('ERR_INVALID_ARG_TYPE', `${name}: came ${typeName(value)}, wanted ${wanted}`)
}

/** Gives what `read` throws a code of Node's, where it is a misuse that has none yet. */
export function underCode<T>(code: string, read: () => T): T {
  try {
    return read()
  } catch (error) {
    if (error instanceof ApiMisuse && !('code' in error)) throw Object.assign(error, { code })
    throw error
  }
}

function typeName(value: unknown): string {
  if (value === null) return 'null'
  if (typeof value !== 'object') return `a ${typeof value}`
  return `an object of ${value.constructor?.name || 'no class'}`
}
