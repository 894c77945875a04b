import { X509Certificate } from 'node:crypto'
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { parseClusterInfo } from '../../src/cluster/index.ts'
import { certificatesFromPem } from '../../src/x509/certificate-pem.ts'
import { jsonLines, run, temporaryDirectory } from '../support/processes.ts'

const names = ['ca.pem', 'cluster.json', 'cluster.key', 'server.key', 'server.pem']

it('writes five files, and keeps to itself those that are secret', async () => {
  const directory = join(temporaryDirectory(), 'deep', 'pki')
  const { exitCode, stdout } = await run(['init', directory, '--nodes', '4', '--host', 'www.example.com'])
  expect(exitCode).toBe(0)
  for (const name of names) expect(stdout).toContain(join(directory, name))
  expect(readdirSync(directory).sort()).toEqual(names)
  const modes = names.map(name => (statSync(join(directory, name)).mode & 0o777).toString(8))
  expect(modes).toEqual(['644', '644', '600', '600', '644'])
  const info = parseClusterInfo(readFileSync(join(directory, 'cluster.json'), 'utf8'), 'cluster.json')
  expect(info.nodes.map(({ id, url }) => `${id} ${url}`)).toEqual([
    'n1 http://127.0.0.1:7801',
    'n2 http://127.0.0.1:7802',
    'n3 http://127.0.0.1:7803',
    'n4 http://127.0.0.1:7804',
  ])
  const [leaf] = certificatesFromPem(readFileSync(join(directory, 'server.pem'), 'utf8'), 'server.pem')
  expect(leaf!.extensions.subjectAltName?.dnsNames).toEqual(['www.example.com', 'localhost'])
  expect(leaf!.extensions.subjectAltName?.ipAddresses.map(({ length }) => length)).toEqual([4, 16])
})

it('--node-tls adds what https between servers and nodes takes, under an authority of its own', async () => {
  const directory = join(temporaryDirectory(), 'pki')
  const { exitCode, stdout } = await run(['init', directory, '--nodes', '2', '--node-tls'])
  expect(exitCode).toBe(0)
  expect(stdout).toMatch(/--node n1$/m)
  expect(stdout).toContain(`--node-cert ${join(directory, 'node.pem')}`)
  expect(readdirSync(directory).sort()).toEqual([...names, 'node-ca.pem', 'node.key', 'node.pem'].sort())
  expect(statSync(join(directory, 'node.key')).mode & 0o777).toBe(0o600)
  const read = (name: string) => new X509Certificate(readFileSync(join(directory, name)))
  const [ca, nodeCa, node] = [read('ca.pem'), read('node-ca.pem'), read('node.pem')]
  expect([node.verify(nodeCa.publicKey), node.verify(ca.publicKey)]).toEqual([true, false])
  const info = parseClusterInfo(readFileSync(join(directory, 'cluster.json'), 'utf8'), 'cluster.json')
  expect(info.nodes.map(({ url }) => url)).toEqual(['https://127.0.0.1:7801', 'https://127.0.0.1:7802'])
})

it('overwrites nothing, and touches nothing when it refuses', async () => {
  const directory = temporaryDirectory()
  writeFileSync(join(directory, 'server.key'), 'precious')
  const { exitCode, stdout, stderr } = await run(['init', directory])
  expect([exitCode, stdout]).toEqual([2, ''])
  expect(stderr).toMatch(/^ringtls: .* has server\.key already, and init overwrites nothing; [^\n]*\n$/)
  expect(readdirSync(directory)).toEqual(['server.key'])
  expect(readFileSync(join(directory, 'server.key'), 'utf8')).toBe('precious')
})

it('--json says what was made', async () => {
  const directory = join(temporaryDirectory(), 'pki')
  const { stdout } = await run(['init', directory, '--nodes', '1', '--json'])
  expect(jsonLines(stdout)).toEqual([
    {
      event: 'created',
      directory,
      files: ['ca.pem', 'server.pem', 'server.key', 'cluster.json', 'cluster.key'].map(name =>
        join(directory, name),
      ),
      nodes: [{ id: 'n1', url: 'http://127.0.0.1:7801' }],
    },
  ])
})
