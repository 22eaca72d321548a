import type { CacheStore, CacheStoreOptions, Stored } from './cache-store.ts'

/** Part of the room for what is new: enough to be asked for again, too little to push out what is used. */
const newPart = 0.1

/** Uses that are counted, each of which lets something stay for one more round. */
const mostUses = 3

/** One answer takes at most this part of the room: a few large ones must not push out all others. */
const greatestPart = 1 / 16

interface Slot<T> {
  stored: T
  isMain: boolean
}

/**
 * In memory, by S3-FIFO (Yang and others, "FIFO queues are all you need for cache eviction", SOSP 2023).
 *
 * - new: what is kept for the first time. Used again while it is there, it becomes main; else it goes, and its key is
 *   remembered.
 * - remembered: a key whose answer went without a use. When it is kept again, it is main at once.
 * - main: what was used goes to the end of the line when its turn comes, as often as it was used; the rest goes.
 *
 * A scan, where each is asked for once, passes through the tenth for what is new and leaves the rest as it is. A use moves
 * nothing: it adds one to a count.
 */
export class MemoryStore<T extends Stored> implements CacheStore<T> {
  readonly capacity: number
  readonly #onEvicted: (stored: T) => void
  readonly #slots = new Map<string, Slot<T>>()
  // A map keeps its keys in the order in which they were set: the first is the oldest.
  readonly #new = new Map<string, Slot<T>>()
  readonly #main = new Map<string, Slot<T>>()
  readonly #remembered = new Set<string>()
  #newBytes = 0
  #mainBytes = 0

  constructor({ capacity, onEvicted }: CacheStoreOptions<T>) {
    this.capacity = capacity
    this.#onEvicted = onEvicted
  }

  get bytes(): number {
    return this.#newBytes + this.#mainBytes
  }

  get size(): number {
    return this.#slots.size
  }

  get(key: string): T | undefined {
    const slot = this.#slots.get(key)
    if (slot === undefined) return undefined
    this.used(slot.stored)
    return slot.stored
  }

  used(stored: T): void {
    if (stored.uses < mostUses) stored.uses++
  }

  set(stored: T): boolean {
    const { key, bytes } = stored
    const before = this.#slots.get(key)
    if (before) this.#remove(before)
    if (bytes > this.capacity * greatestPart) return false
    // One that was used before it changed is not new.
    const isMain = (before !== undefined && (before.isMain || before.stored.uses > 0)) || this.#remembered.delete(key)
    const slot: Slot<T> = { stored, isMain }
    this.#slots.set(key, slot)
    this.#enter(slot)
    while (this.bytes > this.capacity) this.#evict()
    return this.#slots.get(key) === slot
  }

  delete(key: string): void {
    const slot = this.#slots.get(key)
    if (!slot) return
    this.#remove(slot)
    // It went because it changed. Whether it is asked for is known already.
    if (slot.isMain || slot.stored.uses > 0) this.#remember(key)
  }

  clear(): void {
    this.#slots.clear()
    this.#new.clear()
    this.#main.clear()
    this.#remembered.clear()
    this.#newBytes = 0
    this.#mainBytes = 0
  }

  #evict(): void {
    const isNewFull = this.#newBytes > this.capacity * newPart || this.#main.size === 0
    const slot = (isNewFull ? this.#new : this.#main).values().next().value as Slot<T>
    const { key } = slot.stored
    if (slot.stored.uses > 0) {
      this.#leave(slot)
      slot.stored.uses = slot.isMain ? slot.stored.uses - 1 : 0
      slot.isMain = true
      this.#enter(slot)
      return
    }
    this.#remove(slot)
    if (!slot.isMain) this.#remember(key)
    this.#onEvicted(slot.stored)
  }

  #remember(key: string): void {
    this.#remembered.add(key)
    // As many as there are kept, and some when there are few.
    if (this.#remembered.size > this.#slots.size + 64)
      this.#remembered.delete(this.#remembered.values().next().value as string)
  }

  #remove(slot: Slot<T>): void {
    this.#slots.delete(slot.stored.key)
    this.#leave(slot)
  }

  #enter(slot: Slot<T>): void {
    const { key, bytes } = slot.stored
    if (slot.isMain) {
      this.#main.set(key, slot)
      this.#mainBytes += bytes
    } else {
      this.#new.set(key, slot)
      this.#newBytes += bytes
    }
  }

  #leave(slot: Slot<T>): void {
    const { key, bytes } = slot.stored
    if (slot.isMain) {
      this.#main.delete(key)
      this.#mainBytes -= bytes
    } else {
      this.#new.delete(key)
      this.#newBytes -= bytes
    }
  }
}
