import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { beforeAll, describe, expect, it } from 'vitest'
import { type ClusterUnderTest, makeCluster, run, temporaryDirectory } from '../support/processes.ts'

const directory = temporaryDirectory()
const path = (name: string) => join(directory, name)
let cluster: ClusterUnderTest
/** A port that somebody else has, and a cluster_info that gives it to n1. */
let takenPort: number

beforeAll(async () => {
  cluster = await makeCluster(2)
  const taken = createServer().unref()
  await new Promise<void>(resolve => taken.listen(0, '127.0.0.1', resolve))
  takenPort = (taken.address() as { port: number }).port
  const write = (name: string, text: string) => writeFileSync(path(name), text)
  write('garbage', '{')
  write('no-nodes.json', '{"revision":1,"nodes":[]}')
  write(
    'taken.json',
    JSON.stringify({ revision: 1, nodes: [{ id: 'n1', url: `http://127.0.0.1:${takenPort}` }] }),
  )
  write('https.json', JSON.stringify({ revision: 1, nodes: [{ id: 'n1', url: 'https://127.0.0.1:1' }] }))
  write('cut.pem', readFileSync(cluster.file('server.pem'), 'utf8').slice(0, 300))
  mkdirSync(path('folder'))
})

/** A command line and what its one line of stderr must say; the words in capitals stand for what beforeAll made. */
const cases: readonly (readonly [string, RegExp])[] = [
  ['', /no command was given/],
  ['frobnicate', /unknown command 'frobnicate'/],
  ['serve', /Did you mean server\?/],
  ['init', /missing required argument 'DIR'/],
  ['init DIR/new --nodes 0', /'--nodes <N>' argument '0' is invalid. Wanted a whole number from 1 to 1000/],
  ['init DIR/new --host a_b!', /'--host <NAME>' argument 'a_b!' is invalid/],
  ['init DIR/garbage/x', /a part of the path is no directory/],
  ['server --cert x --key y', /required option '--listen <HOST:PORT>' not specified/],
  ['server --listen localhost --cert x --key y', /argument 'localhost' is invalid. Wanted HOST:PORT/],
  ['server --listen ::1:80 --cert x --key y', /argument '::1:80' is invalid/],
  ['server --listen localhost:65536 --cert x --key y', /with a port of 0 to 65535/],
  ['server --listen localhost:0 --bogus CERT', /unknown option '--bogus'/],
  ['server --listen localhost:0 --cert DIR/none --key DIR/none', /--cert .*none: there is no such file/],
  [
    'server --listen localhost:0 --cert DIR/folder --key DIR/none',
    /--cert .*folder: is a directory, wanted a file/,
  ],
  ['server --listen localhost:0 CERT --cert DIR/cut.pem', /2 --cert and 1 --key came/],
  ['server --listen localhost:0 --cert PKI/ca.pem --key PKI/server.key', /does not fit the private key/],
  ['server --listen localhost:0 --cert DIR/cut.pem --key PKI/server.key', /cut\.pem .* has no END/],
  ['server --listen localhost:0 --cert PKI/server.pem --key DIR/garbage', /private key: found no PEM block/],
  ['server --listen localhost:0 CERT --ciphers RC4', /no cipher suite is called "RC4": choose from/],
  ['server --listen localhost:0 CERT --groups P-999', /no group is called "P-999": choose from x25519/],
  ['server --listen localhost:0 CERT --sigalgs RSA+MD5', /no signature scheme is called "RSA\+MD5"/],
  ['server --listen localhost:0 CERT --policy strict', /Allowed choices are default, modern/],
  [
    'server --listen localhost:0 CERT --policy modern --ciphers AES128-SHA',
    /policy "modern" leaves TLS_RSA_WITH_AES_128_CBC_SHA out/,
  ],
  ['server --listen localhost:0 CERT --alpn h2,,x', /Wanted names of 1 to 255 bytes/],
  ['server --listen localhost:0 CERT --client-auth always', /Allowed choices are none, request, require/],
  ['server --listen localhost:0 CERT --client-auth require', /needs --client-ca FILE/],
  ['server --listen localhost:0 CERT --client-ca PKI/ca.pem', /of no use without --client-auth/],
  [
    'server --listen localhost:0 CERT --client-auth require --client-ca DIR/garbage',
    /--client-ca .*garbage: .* no PEM block/,
  ],
  [
    'server --listen localhost:0 CERT --client-auth require --client-ca DIR/none',
    /--client-ca .*none: there is no such file/,
  ],
  [
    'server --listen localhost:0 CERT --ocsp-response PKI/ca.pem',
    /--ocsp-response .*ca\.pem: .* an OCSPResponse in DER/,
  ],
  [
    'server --listen localhost:0 CERT --ocsp-response DIR/none',
    /--ocsp-response .*none: there is no such file/,
  ],
  ['server --listen localhost:0 CERT --ttl 86401', /Wanted a whole number from 1 to 86400/],
  ['server --listen localhost:0 CERT --app ftp', /Allowed choices are http, echo/],
  [
    'server --listen localhost:0 CERT --keylog DIR/none/x',
    /--keylog .*x: there is no such file or directory/,
  ],
  ['server --listen localhost:0 CERT --cluster PKI/cluster.json', /add --cluster-key and --node/],
  ['server --listen localhost:0 CERT --node n1', /add --cluster and --cluster-key/],
  ['server --listen localhost:0 CERT CLUSTER --node n9', /--node n9: .* choose from n1, n2/],
  [
    'server --listen localhost:0 CERT --cluster DIR/none --cluster-key x --node n1',
    /none: there is no such file/,
  ],
  [
    'server --listen localhost:0 CERT --cluster DIR/garbage --cluster-key x --node n1',
    /garbage: this is not JSON/,
  ],
  [
    'server --listen localhost:0 CERT --cluster DIR/no-nodes.json --cluster-key x --node n1',
    /nodes: need a list/,
  ],
  [
    'server --listen localhost:0 CERT --cluster PKI/cluster.json --cluster-key DIR/garbage --node n1',
    /not JSON/,
  ],
  [
    'server --listen localhost:0 CERT --cluster DIR/https.json KEY --node n1',
    /https\.json: node n1 has https:.* both sides show a certificate: add --node-cert and --node-key and --node-ca/,
  ],
  [
    'session-node --cluster DIR/https.json KEY --node n1 --node-cert PKI/server.pem --node-key PKI/server.key',
    /: add --node-ca$/m,
  ],
  ['session-node CLUSTER --node n1 NODETLS', /of no use: no node in .*cluster\.json has an https url/],
  [
    'session-node --cluster DIR/https.json KEY --node n1 --node-cert DIR/cut.pem --node-key PKI/server.key --node-ca PKI/ca.pem',
    /--node-cert .*cut\.pem and --node-key .*: wanted PEM/,
  ],
  [
    'session-node --cluster DIR/https.json KEY --node n1 --node-cert PKI/ca.pem --node-key PKI/server.key --node-ca PKI/ca.pem',
    /--node-cert .*key values mismatch/,
  ],
  [
    'session-node --cluster DIR/https.json KEY --node n1 --node-cert PKI/server.pem --node-key PKI/server.key --node-ca DIR/garbage',
    /--node-ca .*garbage: wanted PEM/,
  ],
  [
    'session-node --cluster DIR/https.json KEY --node n1 --node-cert PKI/server.pem --node-key DIR/none --node-ca PKI/ca.pem',
    /--node-key .*none: there is no such file/,
  ],
  [
    'server --listen localhost:0 CERT --node-listen localhost:0',
    /--node-listen is of no use without --cluster/,
  ],
  ['server --listen localhost:0 CERT --node-ca PKI/ca.pem', /--node-ca is of no use without --cluster/],
  [
    'server --listen localhost:0 CERT CLUSTER --node n1 --no-store --node-listen localhost:0',
    /--node-listen is of no use with --no-store/,
  ],
  ['session-node CLUSTER --node n1 --node-listen localhost', /Wanted HOST:PORT/],
  [
    'session-node CLUSTER --node n1 --node-listen 127.0.0.1:TAKEN',
    /taken by another .* another with --node-listen/,
  ],
  [
    'server --listen 127.0.0.1:0 CERT --metrics 127.0.0.1:TAKEN',
    /taken by another program.* another with --metrics/,
  ],
  ['session-node CLUSTER --node n1 --log-level loud', /Allowed choices are silent, error, warn, info, debug/],
  [
    'server --listen localhost:0 CERT --store http',
    /--store http is session nodes: add --cluster, --cluster-key/,
  ],
  ['server --listen localhost:0 CERT --store redis://h', /--store redis: add --cluster-key with the key/],
  [
    'server --listen localhost:0 CERT CLUSTER --store redis+cluster://h',
    /--cluster lists session nodes, and none/,
  ],
  [
    'server --listen localhost:0 CERT KEY --store memcached://h:0',
    /memcached:\/\/h:0: have "h:0", need HOST:PORT/,
  ],
  [
    'server --listen localhost:0 CERT KEY --store redis://me:hunter2@h/x',
    /^(?!.*hunter2).*redis:\/\/h\/x: need the number/,
  ],
  ['server --listen localhost:0 CERT KEY --store hunter2', /^(?!.*hunter2).*have something without a scheme/],
  [
    'server --listen 127.0.0.1:TAKEN CERT',
    /127\.0\.0\.1:\d+: the port is taken by another program; stop it, or choose/,
  ],
  [
    'server --listen 127.0.0.1:0 CERT --cluster DIR/taken.json KEY --node n1',
    /taken by another program.* url of node n1/,
  ],
  ['session-node --cluster DIR/taken.json KEY --node n1', /taken by another program/],
  ['session-node CLUSTER', /required option '--node <ID>' not specified/],
  ['client', /missing required argument 'HOST:PORT'/],
  ['client localhost', /Wanted HOST:PORT with a port of 1 to 65535/],
  ['client localhost:1', /give either --ca FILE .*, or --insecure/],
  ['client localhost:1 --ca PKI/ca.pem --insecure', /give either --ca/],
  ['client localhost:1 --ca DIR/garbage', /--ca .*garbage: .* no PEM block/],
  ['client localhost:1 --insecure --ciphers a:b', /no cipher suite is called "a"/],
  ['client localhost:1 --insecure --groups x', /no group is called "x"/],
  ['client localhost:1 --insecure --cert PKI/server.pem', /1 --cert and 0 --key came/],
  ['client localhost:1 --insecure --cert PKI/ca.pem --key PKI/server.key', /does not fit the private key/],
  ['client localhost:1 --insecure --session-in PKI/ca.pem', /holds no RINGTLS SESSION block/],
  ['client localhost:1 --insecure --http index.html', /Wanted a path such as/],
  ['client localhost:1 --insecure --servername 127.0.0.1', /Wanted a host name/],
  ['demo now', /too many arguments/],
  ['cluster', /no command was given/],
  ['cluster stat', /unknown command 'stat' \(Did you mean status\?/],
  ['cluster status', /missing required argument 'FILE'/],
  ['cluster status DIR/none', /none: there is no such file/],
  ['cluster status PKI/cluster.json --timeout 0', /Wanted a whole number from 1 to 60000/],
  ['cluster status PKI/cluster.json --node-ca PKI/ca.pem', /are of no use: no node in .* has an https url/],
  ['cluster check PKI/cluster.json --cluster-key DIR/none', /none: there is no such file/],
  ['cluster check PKI/cluster.json --cluster-key PKI/cluster.json', /cluster\.json: revision: no such field/],
  ['cluster check PKI/cluster.json --max-key-age never', /Wanted a whole number from 1 to 3650/],
  ['cluster plan PKI/cluster.json', /required option '--to <FILE>' not specified/],
  ['cluster plan PKI/cluster.json --to DIR/garbage', /garbage: this is not JSON/],
  [
    'cluster plan PKI/cluster.json --to PKI/cluster.json --sample 0',
    /Wanted a whole number from 1 to 10000000/,
  ],
  ['cluster rotate-key', /missing required argument 'FILE'/],
  ['cluster rotate-key PKI/cluster.key --ttl 86401', /Wanted a whole number from 1 to 86400/],
  ['cluster rotate-key PKI/cluster.json', /cluster\.json: revision: no such field; known are keys/],
]

function expand(line: string): string[] {
  const pem = cluster.file('server.pem')
  const words: Readonly<Record<string, string>> = {
    CERT: cluster.certificateArgs.join(' '),
    CLUSTER: cluster.clusterArgs.join(' '),
    NODETLS: `--node-cert ${pem} --node-key ${cluster.file('server.key')} --node-ca ${cluster.file('ca.pem')}`,
    KEY: cluster.clusterArgs.slice(2).join(' '),
    DIR: directory,
    PKI: cluster.directory,
    TAKEN: String(takenPort),
  }
  const text = line.replace(/[A-Z]{3,}/g, word => words[word] ?? word)
  return text === '' ? [] : text.split(' ')
}

describe('bad input', () => {
  it.concurrent.each(cases)('%s', async (line, said) => {
    const { exitCode, stdout, stderr } = await run(expand(line))
    expect({ exitCode, stdout, stderr }).toEqual({
      exitCode: 2,
      stdout: '',
      stderr: expect.stringMatching(said),
    })
    expect(stderr).toMatch(/^ringtls: [^\n]+\n$/)
    expect(stderr).not.toMatch(/unexpected fault|^\s+at /)
  })
})

describe('--help', () => {
  it.concurrent.each(['', 'init', 'server', 'session-node', 'client', 'demo'])(
    '%s has examples',
    async command => {
      const { exitCode, stdout, stderr } = await run([...(command === '' ? [] : [command]), '--help'])
      expect([exitCode, stderr]).toEqual([0, ''])
      expect(stdout).toMatch(new RegExp(`\\nExamples:\\n {2}\\$ ringtls ${command || 'demo'}`))
      expect(stdout).not.toContain('\u001b')
      if (command !== '') expect(stdout).toMatch(/\n {2}--json {2,}/)
    },
  )
})
