/** `enum { ... } ContentType` (RFC 5246 §6.2.1). */
export const ContentType = {
  change_cipher_spec: 20,
  alert: 21,
  handshake: 22,
  application_data: 23,
} as const
export type ContentType = keyof typeof ContentType

/** The name of a content type's number; an unknown one has none. */
export function contentTypeOf(number: number): ContentType | undefined {
  return contentTypes.find(name => ContentType[name] === number)
}

const contentTypes = Object.keys(ContentType) as readonly ContentType[]

/** The most a fragment may hold before and after protection (RFC 5246 §6.2.1, §6.2.3), in bytes. */
export const maxPlaintextBytes = 2 ** 14
export const maxCiphertextBytes = 2 ** 14 + 2048
