import { writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { expect, it, onTestFinished } from 'vitest'
import { fixture, serverSide } from '../support/pair.ts'
import { run, temporaryDirectory } from '../support/processes.ts'

/** A record that cannot be genuine, right behind the server's Finished: the client fails in the step that established it. */
const forged = Buffer.from(`17030300 28 ${'00'.repeat(40)}`.replaceAll(' ', ''), 'hex')

/** A server whose every connection ends so. */
async function startForger(): Promise<number> {
  const server = createServer(transport => {
    const side = serverSide({ now: Date.now })
    side.driver.start()
    transport.on('error', () => {})
    transport.on('data', chunk => {
      side.driver.receive(chunk)
      const flight = side.take()
      transport.write(side.established ? Buffer.concat([flight, forged]) : flight)
    })
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
  return (server.address() as { port: number }).port
}

it.each([
  ['a page is wanted', ['--http', '/']],
  ['nothing is wanted', []],
])('a connection that breaks as it is established is one line and exit 1, where %s', async (_, flags) => {
  const ca = join(temporaryDirectory(), 'ca.pem')
  writeFileSync(ca, fixture('ca.pem') + fixture('ec-ca.pem'))
  const address = `127.0.0.1:${await startForger()}`
  const { exitCode, stderr } = await run([
    'client',
    address,
    '--servername',
    'localhost',
    '--ca',
    ca,
    ...flags,
  ])
  expect(stderr.trim().split('\n').at(-1)).toMatch(/^ringtls: .*BAD_RECORD_MAC.*bad_record_mac/)
  expect(exitCode).toBe(1)
})
