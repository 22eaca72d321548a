import { constants, type DatabaseSync, type StatementSync } from 'node:sqlite'
import { MonoblocError } from '../../errors.ts'
import type { SqlRow, SqlValue, Statement } from '../storage.ts'
import { translateError } from './sqlite-errors.ts'
import { checkRaw, isAllowed } from './sqlite-guard.ts'

/**
 * How many prepared statements one connection keeps of each kind. An application has some hundreds of query shapes; one
 * takes 5 to 20 KB inside SQLite, so that 512 stay within 10 MB.
 */
const keptStatements = 512

/** Raw SQL is kept by its text, which applications also build with values inside: fewer are worth keeping. */
const keptRawStatements = 128

interface RawStatement {
  statement: StatementSync
  returnsRows: boolean
}

export interface RawResult {
  rows: SqlRow[]
  changes: number
  lastId: SqlValue
}

/** One connection, its prepared statements, and the translation of its errors. */
export class SqliteConnection {
  readonly db: DatabaseSync
  #rows = new Map<Statement, StatementSync>()
  #cells = new Map<Statement, StatementSync>()
  #raw = new Map<string, RawStatement>()
  #controls = new Map<string, StatementSync>()
  #changes: StatementSync | undefined
  #preparingRaw = false
  #denied = false

  constructor(db: DatabaseSync) {
    this.db = db
    // Node before 24.10 has no authorizer; the tokens of the statement are checked in any case.
    if (typeof db.setAuthorizer === 'function') {
      // Set once: setting it again makes SQLite prepare every statement anew.
      db.setAuthorizer((action, first, second, _, trigger) => {
        if (!this.#preparingRaw || isAllowed(action, first, second, trigger)) return constants.SQLITE_OK
        this.#denied = true
        return constants.SQLITE_DENY
      })
    }
  }

  all(statement: Statement, values: readonly SqlValue[]): SqlRow[] {
    try {
      return this.#row(statement).all(...(values as SqlValue[])) as SqlRow[]
    } catch (error) {
      throw translateError(error, this.db)
    }
  }

  first(statement: Statement, values: readonly SqlValue[]): SqlRow | undefined {
    try {
      return this.#row(statement).get(...(values as SqlValue[])) as SqlRow | undefined
    } catch (error) {
      throw translateError(error, this.db)
    }
  }

  cells(statement: Statement, values: readonly SqlValue[]): SqlValue[] | undefined {
    try {
      const prepared = this.#array(statement)
      // Most have one value, the key, and a call that spreads a list takes longer.
      const cells = values.length === 1 ? prepared.get(values[0]!) : prepared.get(...(values as SqlValue[]))
      return cells as unknown as SqlValue[] | undefined
    } catch (error) {
      throw translateError(error, this.db)
    }
  }

  rows(statement: Statement, values: readonly SqlValue[]): SqlValue[][] {
    try {
      return this.#array(statement).all(...(values as SqlValue[])) as unknown as SqlValue[][]
    } catch (error) {
      throw translateError(error, this.db)
    }
  }

  run(statement: Statement, values: readonly SqlValue[]): number {
    try {
      return Number(this.#row(statement).run(...(values as SqlValue[])).changes)
    } catch (error) {
      throw translateError(error, this.db)
    }
  }

  /** As `all`, for statements that may find any number of rows. @throws MonoblocError `result_too_large` */
  allUpTo(statement: Statement, values: readonly SqlValue[], most: number): SqlRow[] {
    return this.#upTo<SqlRow>(() => this.#row(statement), values, most)
  }

  /** As `rows`, for statements that may find any number of rows. @throws MonoblocError `result_too_large` */
  rowsUpTo(statement: Statement, values: readonly SqlValue[], most: number): SqlValue[][] {
    return this.#upTo<SqlValue[]>(() => this.#array(statement), values, most)
  }

  #upTo<T>(prepare: () => StatementSync, values: readonly SqlValue[], most: number): T[] {
    const rows: T[] = []
    try {
      for (const row of prepare().iterate(...(values as SqlValue[])) as Iterable<unknown>) {
        if (rows.length === most) throw tooManyRows(most)
        rows.push(row as T)
      }
    } catch (error) {
      throw translateError(error, this.db)
    }
    return rows
  }

  /** Transaction control that each unit of work needs: prepared, since `exec` would compile it every time. */
  control(sql: 'begin' | 'rollback' | 'savepoint member' | 'release member'): void {
    let prepared = this.#controls.get(sql)
    if (!prepared) {
      prepared = this.db.prepare(sql)
      this.#controls.set(sql, prepared)
    }
    prepared.run()
  }

  /** A user's own SQL. @throws MonoblocError `statement_refused`, `result_too_large` beyond `maxRows` */
  raw(sql: string, values: readonly unknown[], maxRows: number): RawResult {
    const bound = values.map(bindable)
    try {
      const { statement, returnsRows } = this.#rawStatement(sql)
      if (!returnsRows) {
        const { changes, lastInsertRowid } = statement.run(...bound)
        return { rows: [], changes: Number(changes), lastId: narrowed(lastInsertRowid) }
      }
      const rows: SqlRow[] = []
      for (const row of statement.iterate(...bound) as Iterable<SqlRow>) {
        if (rows.length === maxRows) throw tooManyRows(maxRows)
        for (const name in row) row[name] = narrowed(row[name]!)
        // Node's rows have no prototype, which those of other engines have.
        rows.push({ ...row })
      }
      this.#changes ??= this.db.prepare('select changes() as changes, last_insert_rowid() as id')
      const { changes, id } = this.#changes.get() as { changes: number; id: number }
      return { rows, changes, lastId: id }
    } catch (error) {
      throw translateError(error, this.db)
    }
  }

  /** Ends every statement and closes. */
  close(): void {
    this.#rows.clear()
    this.#cells.clear()
    this.#raw.clear()
    this.#controls.clear()
    if (this.db.isOpen) this.db.close()
  }

  #row(statement: Statement): StatementSync {
    let prepared = this.#rows.get(statement)
    if (!prepared) {
      prepared = this.db.prepare(statement.sql)
      keep(this.#rows, statement, prepared, keptStatements)
    }
    return prepared
  }

  /** One prepared statement can't return both records and arrays. */
  #array(statement: Statement): StatementSync {
    let prepared = this.#cells.get(statement)
    if (!prepared) {
      prepared = this.db.prepare(statement.sql)
      prepared.setReturnArrays(true)
      keep(this.#cells, statement, prepared, keptStatements)
    }
    return prepared
  }

  #rawStatement(sql: string): RawStatement {
    const found = this.#raw.get(sql)
    if (found) return found
    checkRaw(sql)
    this.#preparingRaw = true
    this.#denied = false
    try {
      const statement = this.db.prepare(sql)
      // A whole number beyond 2^53 comes as a bigint, where Node would otherwise refuse the row.
      statement.setReadBigInts(true)
      const made = { statement, returnsRows: statement.columns().length > 0 }
      keep(this.#raw, sql, made, keptRawStatements)
      return made
    } catch (error) {
      // SQLite has more than one result code for it.
      if (this.#denied) throw new MonoblocError('statement_refused', { detail: (error as Error).message, cause: error })
      throw error
    } finally {
      this.#preparingRaw = false
    }
  }
}

function tooManyRows(limit: number): MonoblocError {
  return new MonoblocError('result_too_large', { detail: `More than ${limit} rows.` })
}

// The oldest goes first: keeping the order of use would cost more on each call than a statement prepared anew now and then.
function keep<K, V>(map: Map<K, V>, key: K, value: V, most: number): void {
  if (map.size >= most) map.delete(map.keys().next().value as K)
  map.set(key, value)
}

function bindable(value: unknown): SqlValue {
  switch (typeof value) {
    case 'string':
    case 'number':
    case 'bigint':
      return value
    case 'boolean':
      return value ? 1 : 0
    default:
      if (value === null || value instanceof Uint8Array) return value
      if (value instanceof Date) return value.toISOString()
      throw new MonoblocError('database_error', { detail: `A value of type ${typeof value} can't be bound to SQL.` })
  }
}

function narrowed(value: SqlValue): SqlValue {
  if (typeof value !== 'bigint') return value
  const number = Number(value)
  return Number.isSafeInteger(number) ? number : value
}
