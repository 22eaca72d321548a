import { MonoblocError } from '../../errors.ts'
import { foldCase } from '../../schema/index.ts'
import type { MaybePromise, Session, Statement } from '../storage.ts'
import type { RawResult, SqliteConnection } from './sqlite-connection.ts'
import { sqliteDialect } from './sqlite-dialect.ts'
import { openConnection } from './sqlite-open.ts'
import { judgePlan, type PlanFinding } from './sqlite-plan.ts'
import { declaredIndex, helpfulIndex } from './sqlite-reach.ts'
import { TableFacts } from './sqlite-table-facts.ts'
import { maxRows } from './sqlite-write-session.ts'

/** A statement that ran, and what the database did for it. */
export interface ExplainedStatement {
  sql: string
  /** What the database says that it does, in its words; steps within others are indented. */
  plan: string[]
  /** Indexes that it uses. */
  indexes: string[]
  /** Tables that it reads from end to end to find or sort rows, with what to write in the model where that would help. */
  scans: { table: string; suggestion: string | null }[]
  /** Tables that it names. */
  tables: string[]
  /** Rows that it may have to look at, by its plan and the data; null beyond 5,000,000. */
  examined: number | null
  /** Rows that came out; a page that was made into JSON by the database is one. */
  returned: number
  milliseconds: number
  /** It may run in the process of the app: what may take longer, and SQL that was written by hand, may not. */
  inProcess: boolean
}

/** Rows that are counted for it. */
const mostRows = 5_000_000

/** Runs reads over one snapshot of a database's file, and explains each statement. Nothing is ever written. */
export class SqliteExplainer {
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
