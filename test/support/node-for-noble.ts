/** Stands in for providers/noble where the suite runs over node:crypto (vitest.config.ts): the same names, another provider. */
export { nodeProvider as nobleProvider, privateKey } from '../../src/providers/node/index.ts'
