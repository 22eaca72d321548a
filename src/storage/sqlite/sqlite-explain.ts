import { MonoblocError } from '../../errors.ts'
import { foldCase } from '../../schema/index.ts'
import { declaredIndex, type ExplainedStatement, type Explainer } from '../explain.ts'
import type { MaybePromise, Session, Statement } from '../storage.ts'
import type { RawResult, SqliteConnection } from './sqlite-connection.ts'
import { sqliteDialect } from './sqlite-dialect.ts'
import { openConnection } from './sqlite-open.ts'
import { judgePlan, type PlanFinding } from './sqlite-plan.ts'
import { helpfulIndex } from './sqlite-reach.ts'
import { TableFacts } from './sqlite-table-facts.ts'
import { maxRows } from './sqlite-write-session.ts'

/** Rows that are counted for it. */
const mostRows = 5_000_000

/** Runs reads over one snapshot of a database's file, and explains each statement. Nothing is ever written. */
export class SqliteExplainer implements Explainer {
  readonly dialect = sqliteDialect
  statements: ExplainedStatement[] = []
  readonly #connection: SqliteConnection
  /** As the app judges, and as far as it can be known. */
  readonly #usual = new TableFacts()
  readonly #exact = new TableFacts(Math.random, mostRows)

  constructor(file: string) {
    this.#connection = openConnection(file, { readOnly: true, cacheKib: 16_384, fold: foldCase })
    this.#connection.db.exec('begin')
  }

  close(): void {
    this.#connection.close()
  }

  get session(): Session {
    const connection = this.#connection
    const asked = <T>(statement: Statement, run: () => T, rows: (result: T) => number): T =>
      this.#explained(statement.sql, statement.reach === 'bounded', run, rows)
    const one = (found: unknown) => (found === undefined ? 0 : 1)
    return {
      writable: false,
      position: undefined,
      all: (statement, values) =>
        asked(
          statement,
          () => connection.allUpTo(statement, values, maxRows),
          (rows) => rows.length,
        ),
      first: (statement, values) => asked(statement, () => connection.first(statement, values), one),
      cells: (statement, values) => asked(statement, () => connection.cells(statement, values), one),
      value: (statement, values) => asked(statement, () => connection.cells(statement, values), one)?.[0],
      rows: (statement, values) =>
        asked(
          statement,
          () => connection.rowsUpTo(statement, values, maxRows),
          (rows) => rows.length,
        ),
      run: () => refuse(),
      raw: (sql, values) => this.#raw(sql, values),
      savepoint: async <T>(work: () => MaybePromise<T>) => work(),
    }
  }

  #raw(sql: string, values: readonly unknown[]): RawResult {
    const run = () => this.#connection.raw(sql, values, maxRows)
    return this.#explained(sql, false, run, ({ rows }) => rows.length, true)
  }

  #explained<T>(sql: string, bounded: boolean, run: () => T, rows: (result: T) => number, raw = false): T {
    const { db } = this.#connection
    const finding = judgePlan(db, sql, this.#exact)
    const inProcess = bounded || (!raw && judgePlan(db, sql, this.#usual).bounded)
    const began = performance.now()
    const result = run()
    const milliseconds = Math.round((performance.now() - began) * 100) / 100
    this.statements.push({ sql, ...this.#shown(finding), returned: rows(result), milliseconds, inProcess })
    return result
  }

  #shown({ steps, indexes, scans, visits, tables }: PlanFinding) {
    const { db } = this.#connection
    const isTable = db.prepare("select 1 from sqlite_schema where type = 'table' and name = ?")
    return {
      plan: steps,
      indexes: [...indexes],
      scans: scans.map(({ table, select }) => {
        const fields = helpfulIndex(db, table, select)
        return { table, suggestion: fields.length > 0 ? declaredIndex(table, fields) : null }
      }),
      tables: [...tables].filter((name) => isTable.get(name) !== undefined),
      examined: Number.isFinite(visits) ? Math.round(visits) : null,
    }
  }
}

function refuse(): never {
  throw new MonoblocError('transaction_read_only', { detail: 'Nothing is written while it is explained.' })
}
