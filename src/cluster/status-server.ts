import { type HttpLimits, HttpService, noKeepAlive, pathOf, type Reply } from './http-service.ts'
import { StatusPages, type StatusPagesOptions } from './status-pages.ts'

/** A scraper or two, and somebody with a browser. */
const limits: HttpLimits = {
  maxConnections: 64,
  maxHeaderBytes: 8192,
  requestTimeoutMs: 2000,
  keepAliveTimeoutMs: 1000,
}

/** `/healthz` and `/metrics` on an address of their own, without TLS: for a process that has no session node, or one behind mTLS. */
export function createStatusServer(options: StatusPagesOptions): HttpService {
  const pages = new StatusPages(options)
  const nothing: Reply = { status: 404, headers: noKeepAlive }
  return new HttpService({
    limits,
    answer: async request => pages.answer(request.method ?? '', pathOf(request)) ?? nothing,
  })
}
