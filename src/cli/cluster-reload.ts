import { type ClusterLog, type Membership, type Reloaded, watchCluster } from '../cluster/index.ts'
import type { ClusterFiles, Surroundings } from './cluster-files.ts'
import type { Output, Printed } from './output.ts'

/** Where a process that takes changes up tells of them. */
export interface ReloadOutput {
  readonly output: Output
  /** The log of `--log-level`; without it warnings are notes. */
  readonly log: ClusterLog | undefined
}

/** The files that are followed: without a list of nodes, the key alone. */
type FollowedFiles = Pick<ClusterFiles, 'keys' | 'keyPath'> & Partial<Pick<ClusterFiles, 'path' | 'nodeId'>>

/**
 * Takes up changes of cluster.json and cluster.key from now on, by itself and, where there is such a signal, at
 * SIGHUP, and prints each. Returns what ends that.
 */
export function followClusterFiles(
  { path, keyPath, keys, nodeId }: FollowedFiles,
  membership: Membership | undefined,
  { provider, now }: Surroundings,
  { output, ...told }: ReloadOutput,
): () => void {
  const hasLog = told.log !== undefined
  const log = told.log ?? notesOf(output)
  const watch = watchCluster({
    ...(path === undefined || membership === undefined ? {} : { infoPath: path, membership }),
    ...{ keysPath: keyPath, keys, nodeId, provider, now, log },
    onReload: reloaded => {
      const printed = printedReload(reloaded, now())
      output.print(printed)
      if (hasLog) log.info(printed.json, 'a file of the cluster was taken up')
    },
  })
  const onHangUp = () =>
    void watch.reload().then(hasChanged => {
      if (!hasChanged) log.info({}, 'SIGHUP: the files of the cluster were read, and nothing has changed')
    })
  const hasSignal = process.platform !== 'win32'
  if (hasSignal) process.on('SIGHUP', onHangUp)
  return () => {
    watch.close()
    if (hasSignal) process.off('SIGHUP', onHangUp)
  }
}

/** Warnings and what answers a SIGHUP are for people, and so notes. */
function notesOf(output: Output): ClusterLog {
  const note = (_: object, message: string) => output.note(message)
  return { debug() {}, info: note, warn: note, error: note }
}

function printedReload(reloaded: Reloaded, nowMs: number): Printed {
  const { path: file } = reloaded
  if (reloaded.kind === 'info') {
    const { revision, digest } = reloaded
    return {
      json: { event: 'reloaded', ...{ file, revision, digest } },
      text: `${file}: taken up, revision ${revision}, digest ${digest}`,
    }
  }
  const { periods, currentEpoch } = reloaded
  const next = periods.filter(({ notBeforeMs }) => notBeforeMs > nowMs)
  const waiting = next.map(
    ({ epoch, notBeforeMs }) => `, epoch ${epoch} begins at ${new Date(notBeforeMs).toISOString()}`,
  )
  return {
    json: {
      event: 'reloaded',
      ...{ file, epochs: periods.map(({ epoch }) => epoch), currentEpoch: currentEpoch ?? null },
    },
    text: `${file}: taken up, epoch ${currentEpoch ?? 'none'} is used${waiting.join('')}`,
  }
}
