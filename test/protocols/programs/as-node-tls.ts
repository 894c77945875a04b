/**
 * Puts our functions in the place of node:tls's, for programs and libraries that are loaded after it (`node --import`). What has the
 * module by its name afterwards, as CommonJS or ESM, whole or in parts, gets ours; Node's own https keeps what it had.
 */
import { syncBuiltinESMExports } from 'node:module'
import tls from 'node:tls'
import * as ours from '../../../src/node/index.ts'

for (const [name, value] of Object.entries(ours))
  if (name in tls && typeof value === 'function') Reflect.set(tls, name, value)
syncBuiltinESMExports()
