import type { ServerResponse } from 'node:http'

/** The requests that another server has given us and that are not answered yet. */
export class EmbeddedRequests {
  readonly #open = new Set<ServerResponse>()
  #idle: (() => void) | undefined

  add(response: ServerResponse): void {
    this.#open.add(response)
    response.once('close', () => {
      this.#open.delete(response)
      if (this.#open.size === 0) this.#idle?.()
    })
  }

  /**
   * Resolves when none is left. What is not answered in time is cut.
   *
   * @param deadline milliseconds
   * @returns how many were cut
   */
  async drain(deadline: number): Promise<number> {
    if (this.#open.size === 0) return 0
    const timer = Promise.withResolvers<void>()
    this.#idle = timer.resolve
    const timeout = setTimeout(timer.resolve, deadline)
    await timer.promise
    clearTimeout(timeout)
    const cut = [...this.#open]
    for (const response of cut) response.destroy()
    return cut.length
  }
}
