/** What examples/ has besides the configurations, which test/interop/balancers.test.ts runs. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { exampleFile, pagesIn } from '../interop/balancers.ts'
import { freePorts } from '../support/free-ports.ts'
import { needs } from '../support/peers.ts'
import { makeCluster } from '../support/processes.ts'

const script = exampleFile('cluster.sh')
const patienceMs = 120_000

describe('examples/cluster.sh', () => {
  for (const balancer of ['haproxy', 'nginx'] as const) {
    needs('curl', () =>
      needs(balancer, () => {
        test(
          `starts a cluster behind ${balancer}, where a second visit is resumed at another server`,
          async () => {
            const { directory } = await makeCluster(3)
            const [n1, n2, n3, bind] = (await freePorts(4)).map(port => `127.0.0.1:${port}`)
            const addresses = { RINGTLS_1: n1, RINGTLS_2: n2, RINGTLS_3: n3, RINGTLS_BIND: bind }
            const { stdout } = await promisify(execFile)('bash', [script, balancer], {
              env: { ...process.env, ...addresses, RINGTLS_PKI: directory },
              // It stops what it started when it is told to end.
              timeout: patienceMs / 2,
            })
            const [first, second] = pagesIn(stdout)
            expect(first).toMatchObject({ resumed: 'no' })
            expect(second).toMatchObject({ resumed: 'yes', owner: first!.owner })
            expect(second!.server).not.toBe(first!.server)
          },
          patienceMs,
        )
      }),
    )
  }

  test('says what is missing', async () => {
    await expect(promisify(execFile)('bash', [script, 'pound'])).rejects.toMatchObject({
      code: 1,
      stderr: 'cluster.sh: pound is not on the PATH: install it\n',
    })
  })
})
