/** What a store holds: it counts the bytes, and says who goes. */
export interface Stored {
  readonly key: string
  /** About what it takes in memory. */
  readonly bytes: number
  /** The store's own: what it counts of uses. 0 at first. */
  uses: number
}

/**
 * Where kept things are. Every store passes `exerciseCacheStore`. It decides who stays when there is no room for all; it
 * knows nothing of whether they are right.
 */
export interface CacheStore<T extends Stored> {
  /** Counts as a use. */
  get(key: string): T | undefined
  /** Counts a use of what somebody holds, and found without asking. */
  used(stored: T): void
  /** Keeps it, in the place of what has the same key. False: there is no room for it. */
  set(stored: T): boolean
  delete(key: string): void
  clear(): void
  /** Bytes at most. */
  readonly capacity: number
  readonly bytes: number
  readonly size: number
}

export interface CacheStoreOptions<T extends Stored> {
  /** Bytes at most. */
  capacity: number
  /** Called for each that goes to make room, and for no other. */
  onEvicted: (stored: T) => void
}
