import { base64url32 } from './base64url.ts'

/** Of so many a log is told; beyond it, of none: whoever sends them may send as many as he likes. */
const maxTold = 64

/** Which digests of somebody else's cluster_info a log was told about: each is news once, until our own changes. */
export class ForeignDigests {
  readonly #told = new Set<string>()

  /** What to show of `digest`, as `who` sent it, where it is news; `undefined` where it is not. Whatever is no digest is `none`. */
  news(digest: string, who = ''): string | undefined {
    const shown = base64url32.test(digest) ? digest : 'none'
    const name = `${who} ${shown}`
    if (this.#told.has(name) || this.#told.size >= maxTold) return undefined
    this.#told.add(name)
    return shown
  }

  forget(): void {
    this.#told.clear()
  }
}
