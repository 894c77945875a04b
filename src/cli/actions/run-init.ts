import { join } from 'node:path'
import { makeClusterDirectory } from '../cluster-directory.ts'
import { firstPort, type InitFlags } from '../commands/init.ts'
import { createOutput, withProgress } from '../output.ts'

/** Makes the files of a cluster and says what to do with them. */
export async function runInit(
  directory: string,
  { nodes, host, nodeTls = false, json }: InitFlags,
): Promise<void> {
  const output = createOutput({ json })
  const scheme = nodeTls ? 'https' : 'http'
  const urls = Array.from({ length: nodes }, (_, i) => `${scheme}://127.0.0.1:${firstPort + i}`)
  const making = makeClusterDirectory({ directory, host, urls, nodeTls })
  const files = await withProgress(output, `making ${nodeTls ? 'four' : 'two'} RSA keys`, making)
  const paths = files.map(({ name }) => join(directory, name))
  output.print({
    json: {
      event: 'created',
      ...{ directory, files: paths, nodes: urls.map((url, i) => ({ id: `n${i + 1}`, url })) },
    },
    text: [
      ...files.map(
        ({ purpose }, i) => `${paths[i]!.padEnd(Math.max(...paths.map(path => path.length)))}  ${purpose}`,
      ),
      '',
      'Start node n1, and the others likewise on ports of their own:',
      `  ${serverCommand(directory, nodeTls)}`,
    ].join('\n'),
  })
}

function serverCommand(directory: string, nodeTls: boolean): string {
  const files = [
    ['--cert', 'server.pem'],
    ['--key', 'server.key'],
    ['--cluster', 'cluster.json'],
    ['--cluster-key', 'cluster.key'],
    ...(nodeTls ? nodeFiles : []),
  ]
  const flags = files.map(([flag, name]) => `${flag} ${join(directory, name!)}`).join(' ')
  return `ringtls server --listen localhost:8441 ${flags} --node n1`
}

const nodeFiles = [
  ['--node-cert', 'node.pem'],
  ['--node-key', 'node.key'],
  ['--node-ca', 'node-ca.pem'],
]
