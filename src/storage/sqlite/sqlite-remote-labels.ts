/** Milliseconds after which work that once had to move tries this process again: its tables may have an index now. */
const rememberedMillis = 60_000

/** Labels kept: more than an application has routes, in case it makes labels of what clients send. */
const mostLabels = 1_000

/** Kinds of work that had to start over in a reader process, and start there the next time. */
export class RemoteLabels {
  readonly #until = new Map<string, number>()

  has(label: string): boolean {
    // The common case is an application without any.
    if (this.#until.size === 0) return false
    const until = this.#until.get(label)
    if (until === undefined) return false
    if (until > performance.now()) return true
    this.#until.delete(label)
    return false
  }

  add(label: string): void {
    if (this.#until.size >= mostLabels) this.#until.clear()
    this.#until.set(label, performance.now() + rememberedMillis)
  }
}
