import type { DatabaseSync, StatementSync } from 'node:sqlite'
import type { WriteOptions } from '../storage.ts'

/**
 * Gives each transaction its row in the log: a dense position and the range of its entries. Who holds the write lock
 * knows all of both tables, so positions need no lock of their own.
 *
 * Entries behind the last range when a transaction begins were committed by another program. They become one
 * transaction of their own, marked as outside, before anything of ours: the order stays that of the commits. (Where
 * one program committed twice in between, its two transactions can't be told apart and are seen as one.)
 */
export class SqliteCommitRows {
  readonly #now: () => number
  readonly #state: StatementSync
  readonly #last: StatementSync
  readonly #insert: StatementSync
  #position = 0
  #sequence = 0
  #isFirst = true
  /** Somebody else has committed since this process did. */
  othersCommitted = false

  constructor(db: DatabaseSync, now: () => number) {
    this.#now = now
    this.#state = db.prepare(`
      select position, last, (select max(sequence) from monobloc_log) as sequence
      from (select 1) left join (select position, last from monobloc_commit order by position desc limit 1)`)
    this.#state.setReturnArrays(true)
    this.#last = db.prepare('select max(sequence) from monobloc_log')
    this.#last.setReturnArrays(true)
    this.#insert = db.prepare(
      'insert into monobloc_commit (position, first, last, at, actor, cause, trace, outside) values (?, ?, ?, ?, ?, ?, ?, ?)',
    )
  }

  /** Inside a transaction that holds the write lock, before any member. */
  begin(): void {
    const [position, last, sequence] = this.#state.get() as unknown as (number | null)[]
    this.othersCommitted = !this.#isFirst && this.#position !== (position ?? 0)
    this.#isFirst = false
    this.#position = position ?? 0
    this.#sequence = last ?? 0
    if ((sequence ?? 0) > this.#sequence) this.#append(sequence!, null, null, null, 1)
  }

  /** The position of what was logged since the last call, or undefined when nothing was. */
  append({ actor, cause, trace }: WriteOptions): number | undefined {
    const [last] = this.#last.get() as unknown as [number | null]
    if (last === null || last <= this.#sequence) return undefined
    this.#append(last, actor ?? null, cause ?? null, trace ?? null, 0)
    return this.#position
  }

  #append(last: number, actor: string | null, cause: string | null, trace: string | null, outside: number): void {
    this.#insert.run(this.#position + 1, this.#sequence + 1, last, this.#now(), actor, cause, trace, outside)
    this.#position++
    this.#sequence = last
  }
}
