/** How long a server that was told to stop goes on for what is under way. */
export const stopGraceMs = 200

/** Resolves on SIGTERM or SIGINT. A second one ends the process at once, as it would have without us. */
export function stopSignal(): Promise<void> {
  return new Promise(resolve => {
    const stop = () => {
      process.off('SIGTERM', stop)
      process.off('SIGINT', stop)
      resolve()
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
  })
}

/** Resolves when `work` has ended, and after the time of grace at the latest. */
export async function withinGrace(work: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const grace = new Promise<void>(resolve => {
    timer = setTimeout(resolve, stopGraceMs)
  })
  await Promise.race([work, grace])
  clearTimeout(timer)
}
