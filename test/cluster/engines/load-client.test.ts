import { expect, test } from 'vitest'
import { loadClient } from '../../../src/cluster/engines/load-client.ts'
import { ApiMisuse } from '../../../src/errors.ts'

test('a client that is not installed: one line that says what to install', async () => {
  const name: string = 'ringtls-has-no-such-package'
  const loading = loadClient(name, () => import(name))
  await expect(loading).rejects.toThrow(ApiMisuse)
  await expect(loading).rejects.toThrow(
    `this store needs the package ${name}, which is not installed: npm install ${name}`,
  )
})

test('one that is broken is not called missing', async () => {
  const broken = new SyntaxError('unexpected token')
  await expect(loadClient('ioredis', () => Promise.reject(broken))).rejects.toBe(broken)
})
