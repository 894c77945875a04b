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

/** As in node:http: a URL, options or both; options are those of HTTP, of `connect`, and `agent`. */
export type RequestArguments =
  | [target: RequestOptions | string | URL, onResponse?: OnResponse]
  | [url: string | URL, options: RequestOptions, onResponse?: OnResponse]

/** As https.request. Of HTTP all is node:http's; what is ours is the agent, and so the port, the protocol and the connection. */
export function request(...args: RequestArguments): ClientRequest {
  const [target, second, third] = args
  const [options, onResponse] = typeof second === 'function' ? [{}, second] : [second ?? {}, third]
  if (typeof target === 'string' || target instanceof URL)
    return httpRequest(target, { ...options, _defaultAgent: globalAgent }, onResponse)
  return httpRequest({ ...target, ...options, _defaultAgent: globalAgent }, onResponse)
}

/** A request without a body, sent at once. */
export function get(...args: RequestArguments): ClientRequest {
  return request(...args).end()
}

/** All of it, for who imports it as one thing. */
export * as default from './https.ts'
