import { join } from 'node:path'
import { makeClusterDirectory } from '../cluster-directory.ts'
import { firstPort, type InitFlags } from '../commands/init.ts'
import { createOutput, withProgress } from '../output.ts'

/** Makes the files of a cluster and says what to do with them. */
export async function runInit(directory: string, { nodes, host, json }: InitFlags): Promise<void> {
  const output = createOutput({ json })
  const urls = Array.from({ length: nodes }, (_, i) => `http://127.0.0.1:${firstPort + i}`)
  const making = makeClusterDirectory({ directory, host, urls })
  const files = await withProgress(output, 'making two RSA keys', making)
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
      `  ${serverCommand(directory)}`,
    ].join('\n'),
  })
}

function serverCommand(directory: string): string {
  const files = [
    ['--cert', 'server.pem'],
    ['--key', 'server.key'],
    ['--cluster', 'cluster.json'],
    ['--cluster-key', 'cluster.key'],
  ]
  const flags = files.map(([flag, name]) => `${flag} ${join(directory, name!)}`).join(' ')
  return `ringtls server --listen localhost:8441 ${flags} --node n1`
}
