// node others.js CERT KEY CA: the entry points on top of ringtls/node, on the other provider, with keys in worker threads.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect as connectHttp2, createSecureServer } from 'ringtls/http2'
import { createServer, get } from 'ringtls/https'

const [cert, key, ca] = process.argv.slice(2).map(file => readFileSync(file))
const answer = (request, response) => response.end(`HTTP/${request.httpVersion}`)

async function urlOf(server) {
  await once(server.listen(0, '127.0.0.1'), 'listening')
  return `https://localhost:${server.address().port}`
}

async function textOf(stream) {
  let text = ''
  for await (const chunk of stream) text += chunk
  return text
}

const https = createServer({ cert, key, provider: 'node', keyWorkers: 1 }, answer)
const [response] = await once(get(await urlOf(https), { ca, agent: false, lookup: toLoopback }), 'response')
console.log(await textOf(response))
https.close()

const http2 = createSecureServer({ cert, key, provider: 'noble' }, answer)
const session = connectHttp2(await urlOf(http2), { ca, lookup: toLoopback })
console.log(await textOf(session.request({ ':path': '/' }).end()))
session.close()
http2.close()

function toLoopback(_name, { all }, callback) {
  const [address, family] = ['127.0.0.1', 4]
  if (all) callback(null, [{ address, family }])
  else callback(null, address, family)
}
