import { struct, uint16, vector } from '../../wire/codec.ts'
import { namedGroup } from '../named-group.ts'

/** `NamedGroup named_group_list<2..2^16-1>` (RFC 8422 §5.1.1, RFC 7919 §2). Only in ClientHello. */
export const supportedGroups = struct({ namedGroupList: vector(uint16, namedGroup, 2, 0xffff) })
