/** `ringtls/driver`: runs a `Connection` of the core wherever there are timers, a browser for one. */
export {
  certificateVerifier,
  type PolicyTerms,
  policyHashOf,
  selectByServerName,
  type VerifierOptions,
} from './certificates.ts'
export { type Answers, Driver, type DriverOptions, type Host, type Timers } from './driver.ts'
export { MemorySessionCache } from './memory-session-cache.ts'
export type { SessionCache } from './session-cache.ts'
