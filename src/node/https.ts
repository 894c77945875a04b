/** HTTPS with node:https's names: Node's own HTTP on our TLS. */
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent, type RequestOptions } from './https-agent.ts'

export {
  Agent,
  type AgentOptions,
  type Connector,
  type ConnectorOptions,
  type ConnectorRequest,
  type RequestOptions,
  undiciConnector,
} from './https-agent.ts'
export { createServer, Server, type ServerOptions } from './https-server.ts'

/** The agent of requests that name none; idle connections are kept for 5 s, as node:https's. */
export const globalAgent = new Agent({ keepAlive: true, scheduling: 'lifo', timeout: 5000 })

type OnResponse = (response: IncomingMessage) => void

/** As https.request: `options` are those of HTTP, of `connect` and `agent`. */
export function request(options: RequestOptions | string | URL, onResponse?: OnResponse): ClientRequest
export function request(url: string | URL, options: RequestOptions, onResponse?: OnResponse): ClientRequest
export function request(
  target: RequestOptions | string | URL,
  second?: RequestOptions | OnResponse,
  third?: OnResponse,
): ClientRequest {
  return send(target, second, third)
}

/** A request without a body, sent at once. */
export function get(options: RequestOptions | string | URL, onResponse?: OnResponse): ClientRequest
export function get(url: string | URL, options: RequestOptions, onResponse?: OnResponse): ClientRequest
export function get(
  target: RequestOptions | string | URL,
  second?: RequestOptions | OnResponse,
  third?: OnResponse,
): ClientRequest {
  return send(target, second, third).end()
}

/** Of HTTP all is node:http's; this only says where a connection comes from, and what port and protocol stand for themselves. */
function send(
  target: RequestOptions | string | URL,
  second?: RequestOptions | OnResponse,
  third?: OnResponse,
): ClientRequest {
  const [options, onResponse] = typeof second === 'function' ? [{}, second] : [second ?? {}, third]
  if (typeof target === 'string' || target instanceof URL)
    return httpRequest(target, { ...options, _defaultAgent: globalAgent }, onResponse)
  return httpRequest({ ...target, ...options, _defaultAgent: globalAgent }, onResponse)
}
