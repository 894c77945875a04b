import { afterEach, describe, expect, test } from 'vitest'
import { HttpTransport, type NodeRequest } from '../../src/cluster/node-transport.ts'
import { noSignal, Openings, openTcp, testInfo, until } from './support.ts'

const openings = new Openings()
afterEach(() => openings.release())

const request: NodeRequest = { method: 'GET', path: '/healthz', headers: {}, body: undefined }

function openTransport(): HttpTransport {
  const transport = new HttpTransport({ connectionsPerNode: 1, timeoutMs: 600_000 })
  openings.add(() => transport.close())
  return transport
}

const nodeAt = (url: string) => testInfo([{ id: 'n0', url }]).nodes[0]!

test('https without certificates of the cluster is refused before anybody is called', async () => {
  let connections = 0
  const origin = await openTcp(openings, socket => {
    connections++
    socket.destroy()
  })
  const node = nodeAt(origin.replace('http:', 'https:'))
  await expect(openTransport().send(node, request, noSignal)).rejects.toMatchObject({
    name: 'StoreFailure',
    message: 'https without certificates of the cluster: restart with them',
  })
  expect(connections).toBe(0)
})

describe('a node that left the list', () => {
  /** A node that answers when it is told to, and how many requests and connections it has. */
  async function openSlowNode() {
    let release = () => {}
    const seen = { requests: 0, connections: 0, open: 0 }
    const origin = await openTcp(openings, socket => {
      seen.connections++
      seen.open++
      socket.on('close', () => seen.open--)
      socket.on('data', () => {
        seen.requests++
        release = () => socket.write('HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nat last')
      })
    })
    return { node: nodeAt(origin), seen, release: () => release() }
  }

  test('may end what is under way, and then its connection is dropped', async () => {
    const { node, seen, release } = await openSlowNode()
    const transport = openTransport()
    const sent = transport.send(node, request, noSignal)
    await until(() => seen.requests === 1)
    transport.keepOnly([])
    release()
    const { status, body } = await sent
    expect([status, Buffer.from(body).toString()]).toEqual([200, 'at last'])
    await until(() => seen.open === 0)
  })

  test('and one that stays in it keeps its connection', async () => {
    const { node, seen, release } = await openSlowNode()
    const transport = openTransport()
    for (let i = 1; i <= 2; i++) {
      const sent = transport.send(node, request, noSignal)
      await until(() => seen.requests === i)
      transport.keepOnly([node])
      release()
      await sent
    }
    expect(seen).toEqual({ requests: 2, connections: 1, open: 1 })
  })

  test('closing does not wait for what is under way', async () => {
    const { node, seen } = await openSlowNode()
    const transport = openTransport()
    const sent = transport.send(node, request, noSignal)
    await until(() => seen.requests === 1)
    await Promise.all([transport.close(), expect(sent).rejects.toMatchObject({ name: 'StoreFailure' })])
  })
})
