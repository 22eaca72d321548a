import { MonoblocError } from '../../errors.ts'
import type { ExplainedStatement, Explainer } from '../explain.ts'
import type { MaybePromise, Session, SqlValue, Storage } from '../storage.ts'
import { postgresDialect } from './postgres-dialect.ts'
import { shownPlan } from './postgres-explain-plan.ts'
import type { PostgresOptions } from './postgres-options.ts'
import { createPostgresStorage } from './postgres-storage.ts'

// A development machine may be slow, and nobody else waits.
const deadline = 10 * 60_000

/** Runs each statement, and then once more where PostgreSQL counts what it does, over the same snapshot. */
export class PostgresExplainer implements Explainer {
  readonly dialect = postgresDialect
  statements: ExplainedStatement[] = []
  readonly #storage: Storage
  readonly #ended = Promise.withResolvers<void>()
  #snapshot: Promise<unknown> = Promise.resolve()
  #session: Session | undefined

  constructor(options: PostgresOptions) {
    this.#storage = createPostgresStorage({ ...options, connections: 1 })
  }

  async open(): Promise<this> {
    await this.#storage.open()
    const begun = Promise.withResolvers<Session>()
    this.#snapshot = (async () =>
      this.#storage.read({ deadline }, (session) => {
        begun.resolve(session)
        return this.#ended.promise
      }))()
    this.#session = await begun.promise
    return this
  }

  async close(): Promise<void> {
    this.#ended.resolve()
    await this.#snapshot.catch(() => {})
    await this.#storage.close()
  }

  get session(): Session {
    const session = this.#session!
    const one = (found: unknown) => (found === undefined ? 0 : 1)
    const many = (found: readonly unknown[]) => found.length
    return {
      writable: false,
      position: undefined,
      all: (statement, values) => this.#explained(statement.sql, values, session.all(statement, values), many),
      rows: (statement, values) => this.#explained(statement.sql, values, session.rows(statement, values), many),
      first: (statement, values) => this.#explained(statement.sql, values, session.first(statement, values), one),
      cells: (statement, values) => this.#explained(statement.sql, values, session.cells(statement, values), one),
      value: (statement, values) => this.#explained(statement.sql, values, session.value(statement, values), one),
      raw: (sql, values) => this.#explained(sql, values, session.raw(sql, values), ({ rows }) => rows.length),
      run: () => {
        throw new MonoblocError('transaction_read_only', { detail: 'Nothing is written while it is explained.' })
      },
      savepoint: async <T>(work: () => MaybePromise<T>) => work(),
    }
  }

  async #explained<T>(sql: string, values: readonly unknown[], ran: MaybePromise<T>, rows: (result: T) => number) {
    const result = await ran
    const { rows: explained } = await this.#session!.raw(`explain (analyze, timing off, format json) ${sql}`, values)
    const document = explained[0]!['QUERY PLAN'] as unknown as SqlValue | object
    const [{ Plan: plan, 'Execution Time': milliseconds }] =
      typeof document === 'string' ? JSON.parse(document) : document
    this.statements.push({ sql, ...shownPlan(plan), returned: rows(result), milliseconds, inProcess: true })
    return result
  }
}
