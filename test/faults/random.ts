/** Numbers that a seed repeats (splitmix32). Not for secrets. */
export class Random {
  #state: number

  /** @param seed equal seeds and streams give equal numbers; streams of one seed are independent of each other */
  constructor(seed: number, stream = 0) {
    this.#state = mixed(mixed(seed) + stream)
  }

  /** In [0, 1). */
  next(): number {
    this.#state = (this.#state + 0x9e3779b9) | 0
    return (mixed(this.#state) >>> 0) / 2 ** 32
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

function mixed(value: number): number {
  let result = Math.imul(value ^ (value >>> 16), 0x21f0aaad)
  result = Math.imul(result ^ (result >>> 15), 0x735a2d97)
  return result ^ (result >>> 15)
}
