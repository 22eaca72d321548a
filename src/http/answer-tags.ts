import { contentTag } from './conditional.ts'

// A SHA-256 takes some 3 µs for a page of 6 KB, a tenth of which comparing it with the last one takes; below 1 KiB the
// two are too close for the memory to be worth it. 64 pages of at most 64 KiB are 4 MiB, or 8 where text is not Latin.
const leastLength = 1024
const greatestLength = 65_536
const mostPages = 64

/**
 * Entity tags by content, which remembers the last answers of a few addresses: a page that is the same as when it was
 * last asked for has the same tag. Nothing is answered from it, so it can't be stale.
 */
export class AnswerTags {
  readonly #last = new Map<string, { body: string; tag: string }>()

  tagOf(address: string, body: string | Uint8Array): string {
    if (typeof body !== 'string' || body.length < leastLength || body.length > greatestLength) return contentTag(body)
    const last = this.#last.get(address)
    if (last?.body === body) return last.tag
    const tag = contentTag(body)
    if (last) {
      last.body = body
      last.tag = tag
    } else {
      if (this.#last.size >= mostPages) this.#last.delete(this.#last.keys().next().value!)
      this.#last.set(address, { body, tag })
    }
    return tag
  }

  get size(): number {
    return this.#last.size
  }
}
