import type { Keeper } from '../commit/index.ts'
import type { Schema } from '../schema/index.ts'
import type { ChangeListener, ChangeWatch, LoggedChange, Storage } from '../storage/index.ts'
import type { CacheStore } from './cache-store.ts'
import { type Dependency, isAffected, rowBefore } from './dependency.ts'
import { DependencyIndex } from './dependency-index.ts'
import { MemoryStore } from './memory-store.ts'
import { OftenAsked } from './often-asked.ts'
import { Recording } from './recording.ts'

/** Changes that are remembered for answers that are being made. An answer that takes longer than so many is not kept. */
const rememberedChanges = 256

/** About what one dependency takes, with its places in the index. */
const bytesOfDependency = 300
/** About what anything takes beside what it holds. */
const bytesOfEntry = 400

export interface Kept<V = unknown> {
  readonly key: string
  readonly value: V
  readonly bytes: number
  readonly dependencies: readonly Dependency[]
  /** Milliseconds since 1970; Infinity without a time to live. */
  readonly until: number
  /** It is right no more, or had to make room. */
  isGone: boolean
  uses: number
}

/** Counts since the start. */
export interface CacheCounters {
  hits: number
  misses: number
  /** Answers that a change made wrong. */
  invalidations: number
  /** Answers that had to make room. */
  evictions: number
  /** Answers that were not kept, for what they read changed while they were made, or can't be told. */
  refused: number
}

export interface ExactCacheOptions {
  storage: Pick<Storage, 'watchChanges'>
  schema: Schema
  /** Bytes at most. */
  capacity: number
  now: () => number
  /** There are functions whose results are kept. Default: no. */
  isUsed?: boolean
}

/**
 * Results, each with what it read, which go when that changes.
 *
 * An entry is
 *
 *   being made ──▶ kept ──▶ gone
 *        └── what it read has changed meanwhile, or can't be told ──▶ never kept
 *
 * - Being made: its mark says up to which changes its snapshot is sure to see. `keep` looks through those that were heard of
 *   since: an answer from a snapshot older than one of them is not kept.
 * - Kept: each change that is heard of takes along what depends on it, at once. Before it is given, `catchUp` has heard of
 *   everything that committed before it was asked for.
 * - Gone: by a change, its time to live, or to make room. Who holds it sees `isGone`.
 *
 * All of it is in memory, and a crash leaves nothing.
 */
export class ExactCache implements Keeper, ChangeListener {
  readonly schema: Schema
  readonly counters: CacheCounters = { hits: 0, misses: 0, invalidations: 0, evictions: 0, refused: 0 }
  /** By key, the end of what is being made: others wait for it and look again. */
  readonly underWay = new Map<string, Promise<void>>()
  readonly #storage: ExactCacheOptions['storage']
  readonly #store: CacheStore<Kept>
  readonly #index = new DependencyIndex<Kept>()
  readonly #often = new OftenAsked()
  readonly #now: () => number
  readonly #isUsed: boolean
  #watch: ChangeWatch | undefined
  /** Of what is being made. */
  #making = 0
  #mark = 0
  /** Heard of since the oldest mark that still counts, each with the mark after it. */
  #recent: { mark: number; changes: readonly LoggedChange[] }[] = []
  #recentSize = 0
  /** Marks before this one are too old. */
  #oldestMark = 0

  constructor({ storage, schema, capacity, now, isUsed = false }: ExactCacheOptions) {
    this.schema = schema
    this.#storage = storage
    this.#now = now
    this.#isUsed = isUsed
    this.#store = new MemoryStore<Kept>({
      capacity,
      onEvicted: (kept) => {
        kept.isGone = true
        this.#index.remove(kept)
        this.#often.delete(kept)
        this.counters.evictions++
      },
    })
  }

  /** Stands for all changes that have been heard of. */
  get mark(): number {
    // A unit of work may be about to make what is to be kept.
    if (this.#isUsed && !this.isAwake) this.#wake()
    return this.#mark
  }

  get bytes(): number {
    return this.#store.bytes
  }

  get size(): number {
    return this.#store.size
  }

  get capacity(): number {
    return this.#store.capacity
  }

  /** Forgets everything, and asks the database nothing more until it is used again. */
  close(): void {
    this.#watch?.close()
    this.#watch = undefined
    this.#dropAll()
  }

  /** Not to be given before `catchUp`. */
  get(key: string): Kept | undefined {
    const kept = this.#store.get(key)
    if (kept === undefined) return undefined
    if (kept.until === Number.POSITIVE_INFINITY || this.#now() < kept.until) return kept
    this.#remove(kept)
    return undefined
  }

  /** As `get`, for keys that come with every request. */
  getOften(key: string): Kept | undefined {
    const often = this.#often.get(key)
    if (often !== undefined && often.until === Number.POSITIVE_INFINITY) {
      this.#store.used(often)
      return often
    }
    const kept = this.get(key)
    if (kept !== undefined) this.#often.set(kept)
    return kept
  }

  /** As `ChangeWatch.catchUp`. */
  catchUp(arriving?: boolean): Promise<void> | undefined {
    this.#watch ??= this.#storage.watchChanges(this)
    return this.#watch.catchUp(arriving)
  }

  /** Changes are heard of; where not, what is made now can't be kept. */
  get isAwake(): boolean {
    return this.#watch?.isAwake ?? false
  }

  /**
   * What is to be kept is being made from now on. Call `keep` or `abandon` once.
   *
   * @param declared the app says itself which tables its SQL reads
   * @param ttl milliseconds
   */
  begin(declared?: boolean, ttl?: number): Recording {
    this.#making++
    if (!this.isAwake) this.#wake()
    const recording = new Recording(this.schema, declared)
    if (ttl !== undefined) recording.endBy(this.#now() + ttl)
    if (!this.isAwake) recording.spoil('changes are not heard of yet')
    return recording
  }

  /** Where this takes time, what is made next is kept. */
  #wake(): void {
    try {
      this.catchUp()?.catch(() => {})
    } catch {
      // The database is not open.
    }
  }

  abandon(): void {
    this.#making--
  }

  /**
   * Keeps what was made, if it is still right.
   *
   * @param mark from before anything of it was read
   */
  keep<V>(key: string, value: V, bytes: number, recording: Recording, mark: number): Kept<V> | undefined {
    this.#making--
    const { dependencies, until } = recording
    if (!this.#watch || !recording.isWhole || !this.#isStill(dependencies, mark)) {
      this.counters.refused++
      return undefined
    }
    const before = this.#store.get(key)
    if (before) this.#remove(before)
    const kept: Kept<V> = {
      key,
      value,
      bytes: bytes + key.length + dependencies.length * bytesOfDependency + bytesOfEntry,
      dependencies,
      until,
      isGone: false,
      uses: 0,
    }
    this.#index.add(kept)
    if (this.#store.set(kept)) return kept
    if (!kept.isGone) this.#index.remove(kept)
    kept.isGone = true
    this.counters.refused++
    return undefined
  }

  wants(): boolean {
    return this.#making > 0 || !this.#index.isEmpty
  }

  changed(changes: readonly LoggedChange[] | 'all'): void {
    this.#mark++
    if (changes === 'all') {
      this.#dropAll()
      return
    }
    try {
      for (const change of changes) this.#index.affected(change, this.#invalidate)
    } catch {
      // A value that another program has written, and nobody can read.
      this.#dropAll()
      return
    }
    this.#recent.push({ mark: this.#mark, changes })
    this.#recentSize += changes.length
    while (this.#recentSize > rememberedChanges) {
      const { mark, changes: oldest } = this.#recent.shift()!
      this.#recentSize -= oldest.length
      this.#oldestMark = mark
    }
  }

  #invalidate = (kept: Kept): void => {
    if (kept.isGone) return
    this.counters.invalidations++
    this.#remove(kept)
  }

  #remove(kept: Kept): void {
    kept.isGone = true
    this.#index.remove(kept)
    this.#often.delete(kept)
    this.#store.delete(kept.key)
  }

  #dropAll(): void {
    this.counters.invalidations += this.#index.size
    this.#index.forEach((kept) => {
      kept.isGone = true
    })
    this.#index.clear()
    this.#store.clear()
    this.#often.clear()
    this.#recent = []
    this.#recentSize = 0
    this.#oldestMark = this.#mark
  }

  /** Nothing that was heard of since the mark has changed it. */
  #isStill(dependencies: readonly Dependency[], mark: number): boolean {
    if (mark === this.#mark) return true
    if (mark < this.#oldestMark) return false
    try {
      return !this.#recent.some(
        (heard) => heard.mark > mark && heard.changes.some((change) => dependencies.some(isAffectedBy(change))),
      )
    } catch {
      return false
    }
  }
}

function isAffectedBy(change: LoggedChange): (dependency: Dependency) => boolean {
  return (dependency) =>
    dependency.table === change.table && isAffected(dependency, change.entry, rowBefore(change.entry))
}
