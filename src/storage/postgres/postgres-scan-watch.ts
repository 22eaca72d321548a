import type { ScanReport } from '../sqlite/sqlite-reach.ts'
import type { MaybePromise, Session, SqlValue, Statement } from '../storage.ts'
import { type PlanNode, scansOf } from './postgres-explain-plan.ts'

/** A scan of so few rows takes a fraction of a millisecond; an index that nobody needs costs each write one. */
const fewRows = 1_000

interface Asked {
  statement: Statement
  values: readonly SqlValue[]
}

type Read = <T>(work: (session: Session) => MaybePromise<T>) => MaybePromise<T>

/**
 * Looks for reads of whole tables in development: each statement that a read asks is explained once, afterwards, and beside
 * what goes on. What can't be explained is left alone.
 */
export class ScanWatch {
  readonly #onScan: (report: ScanReport) => void
  readonly #read: Read
  readonly #seen = new WeakSet<Statement>()
  #last: Promise<unknown> = Promise.resolve()

  constructor(onScan: (report: ScanReport) => void, read: Read) {
    this.#onScan = onScan
    this.#read = read
  }

  /** The same work, whose statements are noted. */
  watched<T>(work: (session: Session) => MaybePromise<T>): (session: Session) => Promise<T> {
    return async (session) => {
      const asked: Asked[] = []
      const result = await work(this.#noting(session, asked))
      for (const { statement, values } of asked) {
        this.#last = this.#last.then(() => this.#look(statement, values)).catch(() => {})
      }
      return result
    }
  }

  /** Resolves when nothing is left to be explained. */
  async settled(): Promise<void> {
    await this.#last
  }

  #noting(session: Session, asked: Asked[]): Session {
    return new Proxy(session, {
      get: (target, name) => {
        const member = Reflect.get(target, name, target)
        if (typeof member !== 'function') return member
        if (!['all', 'rows', 'first', 'value', 'cells'].includes(String(name))) return member.bind(target)
        return (statement: Statement, values: readonly SqlValue[]) => {
          if (statement.reach === 'plan' && !this.#seen.has(statement)) {
            this.#seen.add(statement)
            asked.push({ statement, values: [...values] })
          }
          return member.call(target, statement, values)
        }
      },
    })
  }

  async #look({ sql }: Statement, values: readonly SqlValue[]): Promise<void> {
    const reports = await this.#read(async (session) => {
      const { rows } = await session.raw(`explain (format json) ${sql}`, values)
      const [{ Plan: plan }] = rows[0]!['QUERY PLAN'] as unknown as [{ Plan: PlanNode }]
      const found: ScanReport[] = []
      for (const { table, suggestion } of scansOf(plan)) {
        const counted = await session.raw(
          `select n_live_tup::float8 as n from pg_stat_user_tables where schemaname = current_schema() and relname = $1`,
          [table],
        )
        if (Number(counted.rows[0]?.n) > fewRows) found.push({ table, sql, suggestion: suggestion ?? undefined })
      }
      return found
    })
    for (const report of reports) this.#onScan(report)
  }
}
