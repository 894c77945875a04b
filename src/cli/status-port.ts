import {
  type ClusterMetrics,
  clusterHealth,
  createStatusServer,
  type Membership,
  processHealth,
} from '../cluster/index.ts'
import type { ClusterFiles, Surroundings } from './cluster-files.ts'
import { listenError } from './listening.ts'
import { type Address, addressText } from './options.ts'
import type { Output } from './output.ts'

/** What `--metrics` shows. */
export interface StatusSources {
  readonly metrics: ClusterMetrics
  readonly membership: Membership | undefined
  readonly files: ClusterFiles | undefined
}

/** The address of `--metrics`. */
export interface StatusPort {
  /** From now on `/healthz` says 503: a balancer sends nobody here any more. */
  drain(): void
  close(): Promise<void>
}

/** Serves `/metrics` and `/healthz` on `address`, and says where; does nothing without an address. */
export async function openStatusPort(
  address: Address | undefined,
  { metrics, membership, files }: StatusSources,
  { now, output }: Pick<Surroundings, 'now'> & { output: Output },
): Promise<StatusPort> {
  if (address === undefined) return { drain() {}, close: async () => {} }
  let isDraining = false
  const health = () =>
    membership && files
      ? clusterHealth({ membership, keys: files.keys, nodeId: files.nodeId, now })
      : processHealth(undefined, now())
  const server = createStatusServer({ health, metrics, isDraining: () => isDraining })
  try {
    const { port } = await server.listen(address.host, address.port)
    const at = { host: address.host, port }
    output.print({ json: { event: 'metrics', ...at }, text: `metrics on http://${addressText(at)}/metrics` })
  } catch (error) {
    throw listenError(error, address, 'choose another with --metrics (port 0 takes a free one)')
  }
  return {
    drain() {
      isDraining = true
    },
    close: () => server.close(),
  }
}
