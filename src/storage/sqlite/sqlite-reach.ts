import type { Statement } from '../storage.ts'
import type { SqliteConnection } from './sqlite-connection.ts'
import { judgePlan } from './sqlite-plan.ts'
import type { SelectText } from './sqlite-selects.ts'
import { TableFacts } from './sqlite-table-facts.ts'

/** Milliseconds for which a judgement holds: tables grow, and statistics come. */
const judgementMillis = 30_000

export interface ScanReport {
  table: string
  sql: string
  /** The index that would help, as a model declares it; undefined where none is plain to see. */
  suggestion: string | undefined
}

/** Which statements may run where nothing can stop them. */
export class StatementReach {
  readonly #judged = new WeakMap<Statement, { bounded: boolean; until: number }>()
  readonly #facts = new TableFacts()
  readonly #reported = new WeakSet<Statement>()
  readonly #onScan: ((report: ScanReport) => void) | undefined

  /** @param onScan hears of each statement that reads a table from end to end to find or sort rows, once */
  constructor(onScan: ((report: ScanReport) => void) | undefined) {
    this.#onScan = onScan
  }

  isBounded(connection: SqliteConnection, statement: Statement): boolean {
    const found = this.#judged.get(statement)
    const now = performance.now()
    if (found && found.until > now) return found.bounded
    const { bounded, scans } = judgePlan(connection.db, statement.sql, this.#facts)
    this.#judged.set(statement, { bounded, until: now + judgementMillis })
    if (this.#onScan && !this.#reported.has(statement)) {
      this.#reported.add(statement)
      for (const { table, select } of scans) {
        this.#onScan({ table, sql: statement.sql, suggestion: suggestion(connection, table, select) })
      }
    }
    return bounded
  }
}

/** Columns compared for equality first, then those that order the rows, or one that is compared otherwise. */
function suggestion(connection: SqliteConnection, table: string, select: SelectText): string | undefined {
  const rows = connection.db.prepare('select name, pk from pragma_table_info(?)').all(table)
  const own = new Set(rows.map((row) => row.name as string))
  // Each index ends with the key by itself.
  const key = new Set(rows.filter((row) => row.pk !== 0).map((row) => row.name as string))
  const ordered = select.ordered.filter((name) => own.has(name) && !key.has(name))
  const rest = ordered.length > 0 ? ordered : [...select.compared].filter((name) => own.has(name)).slice(0, 1)
  const columns = [...new Set([...[...select.equal].filter((name) => own.has(name)), ...rest])]
  if (columns.length === 0) return undefined
  return `model('${table}', …, { indexes: [[${columns.map((name) => `'${name}'`).join(', ')}]] })`
}
