/** Numbers that a seed repeats (mulberry32). Not for secrets. */
export class Random {
  #state: number

  /** @param seed equal seeds and streams give equal numbers; streams of one seed are independent of each other */
  constructor(seed: number, stream = 0) {
    this.#state = Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(stream + 1, 0x85ebca77)
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }

  /** A whole number from 0 to `below` - 1. */
  below(below: number): number {
    return Math.floor(this.next() * below)
  }

  chance(probability: number): boolean {
    return this.next() < probability
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)]!
  }

  /** `count` of the items, each at most once, in their order. */
  some<T>(items: readonly T[], count: number): T[] {
    let left = count
    return items.filter((_, at) => {
      const taken = this.below(items.length - at) < left
      if (taken) left -= 1
      return taken
    })
  }
}
