import type { LoggedTransaction, Storage } from '../storage/index.ts'

/** Transactions of one look into the log: some hundred kilobytes, read in a few milliseconds. */
const atOnce = 500

/**
 * Looks that are kept for those who come after. Consumers that keep up ask for the same place in one moment; one far
 * behind reads by itself.
 */
const mostPages = 3

/**
 * The commit log as the consumers of one process read it: those at the same place share one look into the database, and
 * nobody looks again behind the end before the log may have grown.
 */
export class ConsumerPages {
  readonly #storage: Pick<Storage, 'tail'>
  readonly #underWay = new Map<number, { look: Promise<readonly LoggedTransaction[]>; hints: number }>()
  #pages: (readonly LoggedTransaction[])[] = []
  /** How often the log may have grown. */
  #hints = 0
  #end: { position: number; hints: number } | undefined

  constructor(storage: Pick<Storage, 'tail'>) {
    this.#storage = storage
  }

  /** The log may have grown. */
  hint(): void {
    this.#hints++
  }

  /**
   * Some of the transactions behind a position, in order; none at the end.
   *
   * @throws MonoblocError `position_pruned`, and whatever a read throws
   */
  after(position: number): readonly LoggedTransaction[] | Promise<readonly LoggedTransaction[]> {
    for (const page of this.#pages) {
      const at = position + 1 - page[0]!.position
      if (at >= 0 && at < page.length) return at === 0 ? page : page.slice(at)
    }
    if (this.#end?.position === position && this.#end.hints === this.#hints) return []
    // One from before the last hint may have begun too early to see what that stands for.
    const other = this.#underWay.get(position)
    if (other?.hints === this.#hints) return other.look
    const own = { look: this.#look(position), hints: this.#hints }
    this.#underWay.set(position, own)
    return own.look.finally(() => {
      if (this.#underWay.get(position) === own) this.#underWay.delete(position)
    })
  }

  /** Forgets what everyone has read. */
  release(position: number): void {
    if (this.#pages.length > 0) this.#pages = this.#pages.filter((page) => page.at(-1)!.position > position)
  }

  async #look(position: number): Promise<readonly LoggedTransaction[]> {
    const hints = this.#hints
    const page = await this.#storage.tail(position, atOnce)
    if (page.length === 0) this.#end = { position, hints }
    else this.#pages = [page, ...this.#pages.slice(0, mostPages - 1)]
    return page
  }
}
