import { namedGroups } from '../crypto/named-groups.ts'
import { enumeration, uint16 } from '../wire/codec.ts'
import { numbersOf } from './numbers.ts'

/** `enum { ... } NamedGroup`, once NamedCurve (RFC 8422 §5.1.1, RFC 7919 §2); one that we do not do stays a number. */
export const namedGroup = enumeration(uint16, numbersOf(namedGroups))
