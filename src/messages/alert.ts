import { AlertDescription } from '../errors.ts'
import { enumeration, type Infer, struct, uint8 } from '../wire/codec.ts'

/** `enum { warning(1), fatal(2), (255) } AlertLevel` (RFC 5246 §7.2). */
export const AlertLevel = { warning: 1, fatal: 2 } as const

/** `struct { AlertLevel level; AlertDescription description; } Alert` (RFC 5246 §7.2). */
export const alert = struct({
  level: enumeration(uint8, AlertLevel),
  description: enumeration(uint8, AlertDescription),
})
export type Alert = Infer<typeof alert>
