/**
 * Loaded before the binary by `node --import`: says over IPC what the process holds, and what nobody handled. A heap is
 * measured after a collection, which needs `--expose-gc`.
 */
let unhandledRejections = 0
process.on('unhandledRejection', error => {
  unhandledRejections++
  console.error('unhandled rejection', error)
})

process.on('message', () => {
  globalThis.gc?.()
  const { rss, heapUsed, external } = process.memoryUsage()
  const resources = process.getActiveResourcesInfo()
  process.send?.({
    ...{ rss, heapUsed, external, unhandledRejections },
    sockets: resources.filter(name => name === 'TCPSocketWrap').length,
    resources: resources.length,
  })
})

// The channel alone must not keep the process alive; without its parent it has no business here.
process.channel?.unref()
process.on('disconnect', () => process.exit())
