import type { DatabaseSync } from 'node:sqlite'
import type { Statement } from '../storage.ts'

/** Shapes that are counted. An application has some hundreds; what clients make up beyond that is not told apart. */
const mostCounted = 500

/** Shapes that the database keeps, those that ran last, and how long it keeps one that does not run any more. */
const mostKept = 1_000
const keptMillis = 30 * 24 * 60 * 60 * 1000

export interface StatementCount {
  /** Times it ran since the counts were last taken. */
  runs: number
}

/**
 * How often each shape of statement ran, as far as its plan matters: those that are known to touch one row by its key are
 * left out, and so is SQL that users wrote. A shape holds no values.
 *
 * Counts are taken from time to time and added up in `monobloc_statement`, where they can be read while the application
 * runs and afterwards. What a crash takes along is what ran since then.
 */
export class StatementCounts {
  readonly #counts = new Map<string, StatementCount>()

  /** The count of a shape, to be added to without looking it up again. */
  of({ sql }: Pick<Statement, 'sql'>): StatementCount {
    let count = this.#counts.get(sql)
    if (!count) {
      count = { runs: 0 }
      if (this.#counts.size < mostCounted) this.#counts.set(sql, count)
    }
    return count
  }

  /** What ran since the last call. */
  take(): [sql: string, runs: number][] {
    const taken: [string, number][] = []
    for (const [sql, count] of this.#counts) {
      if (count.runs === 0) continue
      taken.push([sql, count.runs])
      count.runs = 0
    }
    return taken
  }
}

/** Adds counts to those of before. */
export function keepCounts(db: DatabaseSync, counts: readonly [sql: string, runs: number][], now: number): void {
  const add = db.prepare(
    `insert into monobloc_statement (sql, runs, first, last) values (?, ?, ?3, ?3)
     on conflict do update set runs = runs + excluded.runs, last = excluded.last`,
  )
  for (const [sql, runs] of counts) add.run(sql, runs, now)
  db.prepare(
    `delete from monobloc_statement where last < ? or sql in
     (select sql from monobloc_statement order by last desc limit -1 offset ${mostKept})`,
  ).run(now - keptMillis)
}
