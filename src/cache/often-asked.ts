import type { Kept } from './exact-cache.ts'

// 16,384 places are 128 KiB. Two keys of one place take it from one another, and are then found the usual way.
const places = 16_384

/** Longer keys would be read through for longer than the usual way takes. */
const longestKey = 128

/**
 * Kept things by the characters of their keys, in front of the map that has them all. A map looks for a text that has just been
 * read from the network among all texts of the process first, which takes as long as the rest of a hit.
 */
export class OftenAsked {
  readonly #places = new Array<Kept | undefined>(places).fill(undefined)

  get(key: string): Kept | undefined {
    if (key.length > longestKey) return undefined
    const found = this.#places[placeOf(key)]
    return found !== undefined && found.key === key ? found : undefined
  }

  set(kept: Kept): void {
    if (kept.key.length <= longestKey) this.#places[placeOf(kept.key)] = kept
  }

  /** Nothing that is gone may be held here: it would take room that nobody counts. */
  delete(kept: Kept): void {
    if (kept.key.length > longestKey) return
    const place = placeOf(kept.key)
    if (this.#places[place] === kept) this.#places[place] = undefined
  }

  clear(): void {
    this.#places.fill(undefined)
  }
}

function placeOf(key: string): number {
  let hash = 0
  for (let at = 0; at < key.length; at++) hash = (Math.imul(hash, 31) + key.charCodeAt(at)) | 0
  return (hash ^ (hash >>> 15)) & (places - 1)
}
