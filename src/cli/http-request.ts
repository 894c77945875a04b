import type { TLSSocket } from '../node/index.ts'

/** What a server answered. */
export interface HttpResponse {
  readonly status: number
  readonly body: Buffer
}

/** Bounds, so that a server cannot fill our memory. */
const maxHeadBytes = 64 * 1024
const maxBodyBytes = 64 * 1024 * 1024

/**
 * GETs a page and closes. HTTP/1.0, so that no server answers in chunks. Rejects when the connection fails
 * before all of the answer is there, when that is over 64 MiB, or when it is no HTTP.
 */
export function fetchOverHttp(
  socket: TLSSocket,
  { path, host }: { path: string; host: string },
): Promise<HttpResponse> {
  return new Promise((resolve, reject) => {
    const answer = new Answer()
    socket.on('data', (chunk: Buffer) => {
      const problem = answer.add(chunk)
      if (problem !== undefined) socket.destroy(new Error(problem))
      // Servers exist that never close; ours says all it has to say in content-length.
      else if (answer.isWhole) socket.end()
    })
    const settle = (error?: Error) => {
      const response = answer.response
      if (response && (!error || answer.isWhole)) resolve(response)
      else reject(error ?? new Error('the answer is not HTTP'))
    }
    socket.once('error', settle)
    socket.once('close', () => settle())
    socket.write(`GET ${path} HTTP/1.0\r\nhost: ${host}\r\nconnection: close\r\n\r\n`)
  })
}

interface Head {
  readonly status: number
  /** Of the head itself, with its empty line. */
  readonly bytes: number
  /** What content-length says; `undefined` where the end of the connection ends the body. */
  readonly bodyBytes: number | undefined
}

/** An answer that comes in pieces. Its head is looked for while it is short, and read once. */
class Answer {
  readonly #chunks: Buffer[] = []
  #length = 0
  #head: Head | undefined

  /** What is wrong with the answer so far, if anything. */
  add(chunk: Buffer): string | undefined {
    this.#chunks.push(chunk)
    this.#length += chunk.length
    this.#head ??= readHead(Buffer.concat(this.#chunks))
    if (!this.#head) return this.#length > maxHeadBytes ? 'the answer is not HTTP' : undefined
    const bodyBytes = Math.max(this.#head.bodyBytes ?? 0, this.#length - this.#head.bytes)
    return bodyBytes > maxBodyBytes ? `the answer is over ${maxBodyBytes} bytes long` : undefined
  }

  /** Whether everything came that content-length promised. */
  get isWhole(): boolean {
    const { bytes, bodyBytes } = this.#head ?? {}
    return bytes !== undefined && bodyBytes !== undefined && this.#length >= bytes + bodyBytes
  }

  get response(): HttpResponse | undefined {
    if (!this.#head) return undefined
    const { status, bytes } = this.#head
    return { status, body: Buffer.concat(this.#chunks).subarray(bytes) }
  }
}

function readHead(start: Buffer): Head | undefined {
  const head = /^HTTP\/1\.\d (\d{3})[\s\S]*?\r?\n\r?\n/.exec(start.toString('latin1'))
  if (!head) return undefined
  const length = /\ncontent-length: *(\d+)\r?\n/i.exec(head[0])?.[1]
  return {
    status: Number(head[1]),
    bytes: head[0].length,
    bodyBytes: length === undefined ? undefined : Number(length),
  }
}
