import type { Dialect } from './sql/dialect.ts'
import type { Session } from './storage.ts'

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
  /**
   * Rows that it had to look at (PostgreSQL, which counts them) or may have to (SQLite, by its plan and the data); null
   * beyond 5,000,000.
   */
  examined: number | null
  /** Rows that came out; a page that was made into JSON by the database is one. */
  returned: number
  milliseconds: number
  /** False on SQLite for what may take long, and for SQL that was written by hand: it runs in a reader process. */
  inProcess: boolean
}

/** Runs reads over one snapshot of a database, and explains each statement. Nothing is ever written. */
export interface Explainer {
  readonly dialect: Dialect
  statements: ExplainedStatement[]
  readonly session: Session
  close(): void | Promise<void>
}

/** As a model declares it. */
export function declaredIndex(table: string, fields: readonly string[]): string {
  return `model('${table}', …, { indexes: [[${fields.map((name) => `'${name}'`).join(', ')}]] })`
}
