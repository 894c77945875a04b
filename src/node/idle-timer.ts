/** Calls back once nothing has happened for a while, as `setTimeout` of a net.Socket; it keeps no process alive. */
export class IdleTimer {
  readonly #callback: () => void
  #timer: NodeJS.Timeout | undefined

  constructor(callback: () => void) {
    this.#callback = callback
  }

  /** @param timeoutMs 0 for never */
  set(timeoutMs: number): void {
    clearTimeout(this.#timer)
    this.#timer = timeoutMs > 0 ? setTimeout(this.#callback, timeoutMs).unref() : undefined
  }

  /** Something has happened. */
  refresh(): void {
    this.#timer?.refresh()
  }
}
