import type { TLSSocket } from '../node/index.ts'

/** What a server answered. */
export interface HttpResponse {
  readonly status: number
  readonly body: Buffer
}

/**
 * GETs a page and closes. HTTP/1.0, so that no server answers in chunks. Rejects when the connection fails
 * before all of the answer is there, or when it is no HTTP.
 */
export function fetchOverHttp(
  socket: TLSSocket,
  { path, host }: { path: string; host: string },
): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const settle = (error?: Error) => {
      const response = parseResponse(Buffer.concat(chunks))
      if (response && (!error || response.isWhole)) resolve(response)
      else reject(error ?? new Error('the answer is not HTTP'))
    }
    socket.on('data', (chunk: Buffer) => {
      chunks.push(chunk)
      // Servers exist that never close; ours says all it has to say in content-length.
      if (parseResponse(Buffer.concat(chunks))?.isWhole) socket.end()
    })
    socket.once('error', settle)
    socket.once('close', () => settle())
    socket.write(`GET ${path} HTTP/1.0\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
  })
}

function parseResponse(bytes: Buffer): (HttpResponse & { isWhole: boolean }) | undefined {
  const head = /^HTTP\/1\.\d (\d{3})[\s\S]*?\r?\n\r?\n/.exec(bytes.toString('latin1'))
  if (!head) return undefined
  const [text, status] = head
  const length = /\ncontent-length: *(\d+)\r?\n/i.exec(text)?.[1]
  const body = bytes.subarray(text.length)
  return { status: Number(status), body, isWhole: length !== undefined && body.length >= Number(length) }
}
