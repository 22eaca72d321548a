import type { DependencyIndex } from '../../src/cache/dependency-index.ts'
import type { ExactCache } from '../../src/cache/index.ts'

type Plant = (cache: ExactCache, index: DependencyIndex<any>) => void

/** Mistakes that a cache could have, and that the search must find. */
export const plants = {
  /** Changes are heard of when they come, and nobody looks whether others have made some. */
  deaf(cache) {
    const { catchUp } = cache
    cache.catchUp = function (this: ExactCache, arriving) {
      return this.isAwake ? undefined : catchUp.call(this, arriving)
    }
  },
  /** A change takes along what depends on the row as it is now, and not as it was. */
  forgetful(_, index) {
    const { affected } = index
    index.affected = function (this: DependencyIndex<any>, change, found) {
      const { entry } = change
      affected.call(this, { table: change.table, entry: { ...entry, previous: {} } }, found)
    }
  },
  /** New rows change nothing that is there. */
  closed(_, index) {
    const { affected } = index
    index.affected = function (this: DependencyIndex<any>, change, found) {
      if (change.entry.operation !== 'insert') affected.call(this, change, found)
    }
  },
} satisfies Record<string, Plant>
