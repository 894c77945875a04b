import type { ProcessHealth } from './health.ts'
import { noKeepAlive, type Reply } from './http-service.ts'

/** Text for Prometheus, made at each scrape. */
export interface MetricsSource {
  readonly contentType: string
  text(): Promise<string>
}

export interface StatusPagesOptions {
  readonly health: () => ProcessHealth
  readonly isDraining: () => boolean
  readonly metrics: MetricsSource
}

/** `/healthz` and `/metrics`: what operators' programs read, without authentication. There is no secret in either. */
export class StatusPages {
  readonly #options: StatusPagesOptions

  constructor(options: StatusPagesOptions) {
    this.#options = options
  }

  /** The reply to any method; `undefined` for another path. */
  answer(method: string, path: string): Reply | Promise<Reply> | undefined {
    if (path !== '/healthz' && path !== '/metrics') return undefined
    if (method !== 'GET' && method !== 'HEAD')
      return { status: 405, headers: { allow: 'GET, HEAD', ...noKeepAlive } }
    return path === '/healthz' ? this.#health() : this.#metrics()
  }

  #health(): Reply {
    const isDraining = this.#options.isDraining()
    const health = isDraining ? { status: 'draining' } : this.#options.health()
    return page(isDraining ? 503 : 200, 'application/json', `${JSON.stringify(health)}\n`)
  }

  async #metrics(): Promise<Reply> {
    const { metrics } = this.#options
    return page(200, metrics.contentType, await metrics.text())
  }
}

function page(status: number, contentType: string, text: string): Reply {
  const headers = { 'content-type': contentType, 'cache-control': 'no-store', ...noKeepAlive }
  return { status, headers, body: new TextEncoder().encode(text) }
}
