/** A TLSSocket as a stream: order of events, half-open, pauses, timeouts, ends of every kind. */
import { once } from 'node:events'
import type { Server as NetServer, Socket } from 'node:net'
import type { TLSSocket, TlsOptions } from 'node:tls'
import { describe, expect, vi } from 'vitest'
import { next, parity, type Stage } from './harness.ts'

/** Both ends of a connection; neither reads. */
async function pairOf({ serve, open }: Stage, options: TlsOptions & { clientOptions?: object } = {}) {
  const { clientOptions, ...serverOptions } = options
  const { server, port, socket } = await serve(serverOptions, () => {})
  const transports: Socket[] = []
  ;(server as NetServer).on('connection', transport => transports.push(transport))
  const opened = open(port, clientOptions)
  await once(opened, 'secureConnect')
  return { opened, accepted: await socket(), transports, server }
}

const untilClose = ['end', 'finish', 'close'] as const

describe('the end', () => {
  parity('end with data: end and close at both', async stage => {
    const { client, server } = stage
    const { opened, accepted } = await pairOf(stage)
    client.watch(opened, 'end', 'close')
    server.watch(accepted, 'end', 'close')
    accepted.on('data', data => server.log('data', String(data)))
    opened.resume()
    opened.end('bye', () => client.log('end’s callback'))
    await Promise.all([next(opened, 'close'), next(accepted, 'close')])
    client.log('then', opened.destroyed, opened.readyState, opened.writableEnded, opened.readableEnded)
    server.log('then', accepted.destroyed, accepted.readyState)
  })

  parity('finish after end', async stage => {
    const { client } = stage
    const { opened, accepted } = await pairOf(stage)
    client.watch(opened, 'finish')
    accepted.resume()
    opened.end()
    await next(opened, 'finish')
    client.log('then', opened.writable, opened.writableFinished)
  })

  parity('allowHalfOpen: a server writes on after the client’s end', async stage => {
    const { client, server } = stage
    const { opened, accepted } = await pairOf(stage, { allowHalfOpen: true })
    server.watch(accepted, 'end', 'close')
    client.watch(opened, 'end', 'close')
    accepted.on('data', data => server.log('data', String(data)))
    opened.on('data', data => client.log('data', String(data)))
    accepted.on('end', () => accepted.end('after the end'))
    opened.end('request')
    await Promise.all([next(opened, 'close'), next(accepted, 'close')])
  })

  parity('without allowHalfOpen a server’s end follows by itself', async stage => {
    const { server } = stage
    const { opened, accepted } = await pairOf(stage)
    server.watch(accepted, 'end')
    accepted.resume()
    opened.resume()
    opened.end()
    await Promise.all([next(opened, 'close'), next(accepted, 'close')])
    server.log('then', accepted.writableEnded, accepted.writable)
  })

  parity('write after end', async stage => {
    const { client } = stage
    const { opened } = await pairOf(stage)
    opened.resume()
    opened.end()
    const written = new Promise(resolve => opened.write('late', resolve))
    client.log('callback', await written)
  })

  parity('destroy: close without an error', async stage => {
    const { client, server } = stage
    const { opened, accepted } = await pairOf(stage)
    client.watch(opened, ...untilClose)
    accepted.on('error', () => {})
    accepted.resume()
    client.log('gives itself', opened.destroy() === opened, opened.destroyed)
    await Promise.all([next(opened, 'close'), next(accepted, 'close')])
    client.log('then', opened.readyState, opened.errored)
    server.log('closed')
  })

  parity('destroy with an error: error, close with hadError', async stage => {
    const { client } = stage
    const { opened } = await pairOf(stage)
    client.watch(opened, ...untilClose)
    opened.destroy(Object.assign(new Error('enough'), { code: 'ENOUGH' }))
    await next(opened, 'close')
    client.log('then', opened.errored)
  })

  parity('destroySoon: what was written still goes out', async stage => {
    const { server } = stage
    const { opened, accepted } = await pairOf(stage)
    server.watch(accepted, 'end')
    let bytes = 0
    accepted.on('data', data => {
      bytes += data.length
    })
    opened.resume()
    opened.write(Buffer.alloc(300_000))
    opened.destroySoon()
    await Promise.all([next(opened, 'close'), next(accepted, 'close')])
    stage.client.log('then', opened.destroyed, opened.writableFinished)
    server.log('bytes', bytes)
  })

  parity('the peer’s transport is reset: ECONNRESET', async stage => {
    const { client } = stage
    const { opened, transports } = await pairOf(stage)
    client.watch(opened, ...untilClose)
    opened.resume()
    transports[0]?.resetAndDestroy()
    await next(opened, 'close')
  })

  parity('close_notify without an end of the transport ends the reading', async stage => {
    const { client, server } = stage
    const { opened, accepted } = await pairOf(stage, { clientOptions: { allowHalfOpen: true } })
    client.watch(opened, 'end')
    opened.resume()
    accepted.resume()
    accepted.end('last')
    await next(opened, 'end')
    client.log('then', opened.readableEnded)
    server.log('ended', accepted.writableEnded)
  })
})

describe('data', () => {
  parity('write: callback, return value, drain', async stage => {
    const { client, server } = stage
    const { opened, accepted } = await pairOf(stage)
    client.log('small', opened.write('x'))
    const called = new Promise(resolve => opened.write('y', resolve))
    client.log('callback', await called)
    client.log('large', opened.write(Buffer.alloc(4_000_000)))
    const drained = next(opened, 'drain')
    let bytes = 0
    accepted.on('data', data => {
      bytes += data.length
    })
    await drained
    client.log('drained', opened.writableNeedDrain, opened.writableLength, opened.bufferSize)
    opened.end()
    await next(accepted, 'end')
    server.log('bytes', bytes)
  })

  parity('write: kinds of data, encodings', async stage => {
    const { client, server } = stage
    const { opened, accepted } = await pairOf(stage)
    accepted.setEncoding('utf8')
    let text = ''
    accepted.on('data', data => {
      text += data
    })
    opened.write('6869', 'hex')
    opened.write(new Uint8Array([0x20]))
    opened.write('é', 'utf8')
    opened.setDefaultEncoding('latin1')
    opened.write('!')
    for (const [what, data] of Object.entries({ object: {}, number: 7, null: null, undefined }))
      client.attempt(what, () => opened.write(data as unknown as string))
    opened.end()
    await next(accepted, 'end')
    server.log('text', text)
  })

  parity('cork and uncork', async stage => {
    const { server } = stage
    const { opened, accepted } = await pairOf(stage)
    let text = ''
    accepted.on('data', data => {
      text += data
    })
    opened.cork()
    opened.write('a')
    opened.write('b')
    stage.client.log('corked', opened.writableCorked, opened.writableLength)
    opened.uncork()
    opened.end('c')
    await next(accepted, 'end')
    server.log('text', text)
  })

  parity('written before the handshake: sent after it', async stage => {
    const { client, server, serve, open } = stage
    const { port, socket } = await serve({}, () => {})
    const opened = open(port)
    opened.write('early ')
    opened.end('bird', () => client.log('finished'))
    client.watch(opened, 'connect', 'secureConnect')
    const accepted = await socket()
    let text = ''
    for await (const data of accepted) text += data
    server.log('text', text)
  })

  parity('pause holds the data, resume gives it', async stage => {
    const { client } = stage
    const { opened, accepted } = await pairOf(stage)
    let bytes = 0
    opened.on('data', data => {
      bytes += data.length
    })
    opened.pause()
    accepted.end(Buffer.alloc(100_000))
    // Something has come, and nobody was given it.
    await vi.waitFor(() => expect(opened.readableLength).toBeGreaterThan(0))
    client.log('paused', bytes, opened.isPaused())
    opened.resume()
    await next(opened, 'end')
    client.log('resumed', bytes)
  })

  parity('a slow reader stops the writer', async stage => {
    const { server } = stage
    const { accepted, opened } = await pairOf(stage)
    let isStopped = false
    for (let round = 0; round < 400 && !isStopped; round++) {
      isStopped = !accepted.write(Buffer.alloc(65_536))
      if (isStopped)
        isStopped = await Promise.race([
          next(accepted, 'drain').then(() => false),
          delay(300).then(() => true),
        ])
    }
    server.log('stopped', isStopped)
    stage.client.log('buffers little', opened.readableLength <= 200_000)
  })

  parity('read by hand, and by async iteration', async stage => {
    const { client } = stage
    const { opened, accepted } = await pairOf(stage)
    accepted.write('abcdef')
    await next(opened, 'readable')
    client.log('read', String(opened.read(2)), opened.readableLength, opened.bytesRead)
    accepted.end('ghi')
    let rest = ''
    for await (const data of opened) rest += data
    client.log('rest', rest)
  })

  parity('pipe: an echo', async stage => {
    const { client } = stage
    const { opened, accepted } = await pairOf(stage)
    accepted.pipe(accepted)
    opened.end('echo')
    let text = ''
    for await (const data of opened) text += data
    client.log('text', text)
  })

  parity('highWaterMark of a client', async stage => {
    const { opened } = await pairOf(stage, { clientOptions: { highWaterMark: 1024 } })
    stage.client.log(
      'marks',
      opened.readableHighWaterMark,
      opened.writableHighWaterMark,
      opened.readableObjectMode,
    )
  })

  parity('bytesWritten and bytesRead are of the plaintext', async stage => {
    const { client, server } = stage
    const { opened, accepted } = await pairOf(stage)
    opened.resume()
    accepted.resume()
    opened.write(Buffer.alloc(20_000))
    opened.end('x')
    await Promise.all([next(opened, 'close'), next(accepted, 'close')])
    client.log('bytes', opened.bytesWritten, opened.bytesRead)
    server.log('bytes', accepted.bytesWritten, accepted.bytesRead)
  })
})

const delay = (ms: number) => new Promise<void>(resolve => setTimeout(resolve, ms))

const idleMs = 600

/** Writes for longer than the timeout; whether no two writes were as far apart as half of it. */
async function wroteSteadily(socket: TLSSocket): Promise<boolean> {
  const began = performance.now()
  let [last, longestMs] = [began, 0]
  while (last - began < 1.5 * idleMs) {
    socket.write('.')
    await delay(20)
    const now = performance.now()
    longestMs = Math.max(longestMs, now - last)
    last = now
  }
  return longestMs < idleMs / 2
}

describe('time', () => {
  parity('setTimeout: an event when nothing moves, none when it is off', async stage => {
    const { client, server } = stage
    const { opened, accepted } = await pairOf(stage)
    opened.setTimeout(50, () => client.log('callback'))
    client.log('timeout is', opened.timeout)
    client.watch(opened, 'timeout')
    await next(opened, 'timeout')
    client.log('then', opened.destroyed)
    accepted.setTimeout(50)
    accepted.setTimeout(0)
    server.log('timeout is', accepted.timeout)
    server.watch(accepted, 'timeout')
    await delay(150)
  })

  parity('setTimeout: what it refuses', async stage => {
    const { opened } = await pairOf(stage)
    const set =
      (...given: unknown[]) =>
      () =>
        Reflect.apply(opened.setTimeout, opened, given) === opened
    stage.client.attempt('text', set('soon'))
    stage.client.attempt('-1', set(-1))
    stage.client.attempt('callback', set(10, 'then'))
  })

  parity('setTimeout: what moves puts it off', async stage => {
    const { opened, accepted } = await pairOf(stage)
    opened.resume()
    accepted.resume()
    let isLate = false
    opened.on('timeout', () => {
      isLate = true
    })
    // Each way by itself. A machine that was held up for as long as the timeout shows nothing: once more.
    for (const socket of [opened, accepted]) {
      do {
        opened.setTimeout(0)
        isLate = false
        opened.setTimeout(idleMs)
      } while (!(await wroteSteadily(socket)))
      stage.client.log('timed out', isLate)
    }
  })
})

describe('unref', () => {
  parity('a socket that is all there is does not hold the process', async stage => {
    const { opened } = await pairOf(stage)
    stage.client.log('unref', opened.unref() === opened)
    stage.client.log('ref', opened.ref() === opened)
  })
})
