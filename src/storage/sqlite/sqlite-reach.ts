import type { DatabaseSync } from 'node:sqlite'
import { declaredIndex } from '../explain.ts'
import type { Statement } from '../storage.ts'
import type { SqliteConnection } from './sqlite-connection.ts'
import { judgePlan } from './sqlite-plan.ts'
import type { SelectText } from './sqlite-selects.ts'
import { type StatementCount, StatementCounts } from './sqlite-statement-counts.ts'
import { TableFacts } from './sqlite-table-facts.ts'

/** Milliseconds for which a judgement holds: tables grow, and statistics come. */
const judgementMillis = 30_000

/** A scan of so few rows takes a fraction of a millisecond; an index that nobody needs costs each write one. */
const fewRows = 1_000

export interface ScanReport {
  table: string
  sql: string
  /** The index that would help, as a model declares it; undefined where none is plain to see. */
  suggestion: string | undefined
}

/** Which statements may run where nothing can stop them. */
export class StatementReach {
  readonly #judged = new WeakMap<Statement, { bounded: boolean; until: number; count: StatementCount }>()
  readonly #facts = new TableFacts()
  readonly #reported = new WeakSet<Statement>()
  readonly #onScan: ((report: ScanReport) => void) | undefined
  readonly #counts: StatementCounts

  /**
   * @param onScan hears of each statement that reads a table of more than 1,000 rows from end to end to find or sort
   *   rows, once
   * @param counts is told of each time that a bounded statement is asked about, which is each time that it runs
   */
  constructor(onScan: ((report: ScanReport) => void) | undefined, counts = new StatementCounts()) {
    this.#onScan = onScan
    this.#counts = counts
  }

  isBounded(connection: SqliteConnection, statement: Statement): boolean {
    const found = this.#judged.get(statement)
    const now = performance.now()
    if (found && found.until > now) {
      if (found.bounded) found.count.runs++
      return found.bounded
    }
    const { bounded, scans } = judgePlan(connection.db, statement.sql, this.#facts)
    const count = found?.count ?? this.#counts.of(statement)
    if (bounded) count.runs++
    this.#judged.set(statement, { bounded, until: now + judgementMillis, count })
    if (this.#onScan && !this.#reported.has(statement)) {
      for (const { table, select } of scans) {
        if (this.#facts.size(connection.db, table) <= fewRows) continue
        this.#reported.add(statement)
        const fields = helpfulIndex(connection.db, table, select)
        const suggestion = fields.length > 0 ? declaredIndex(table, fields) : undefined
        this.#onScan({ table, sql: statement.sql, suggestion })
      }
    }
    return bounded
  }
}

/**
 * The index that would help a SELECT: columns compared for equality first, then those that order the rows, or one that is
 * compared otherwise. Empty where none is plain to see.
 */
export function helpfulIndex(db: DatabaseSync, table: string, select: SelectText): string[] {
  const rows = db.prepare('select name, pk from pragma_table_info(?)').all(table)
  const own = new Set(rows.map((row) => row.name as string))
  // Each index ends with the key by itself.
  const key = new Set(rows.filter((row) => row.pk !== 0).map((row) => row.name as string))
  const ordered = select.ordered.filter((name) => own.has(name) && !key.has(name))
  const rest = ordered.length > 0 ? ordered : [...select.compared].filter((name) => own.has(name)).slice(0, 1)
  return [...new Set([...[...select.equal].filter((name) => own.has(name)), ...rest])]
}
