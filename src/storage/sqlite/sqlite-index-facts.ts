import type { DatabaseSync } from 'node:sqlite'
import { quoted } from './sqlite-table.ts'

export interface KeptStatement {
  sql: string
  runs: number
}

/** What ran, as far as it was counted, and since when (milliseconds since 1970). */
export function keptStatements(db: DatabaseSync): { since: number | null; statements: KeptStatement[] } {
  const there = db.prepare("select 1 from sqlite_schema where name = 'monobloc_statement'").get()
  if (!there) return { since: null, statements: [] }
  const { since } = db.prepare('select min(first) as since from monobloc_statement').get()!
  const statements = db.prepare('select sql, runs from monobloc_statement order by runs desc').all()
  return { since: since as number | null, statements: statements as unknown as KeptStatement[] }
}

export interface ActualIndex {
  name: string
  table: string
  unique: boolean
  partial: boolean
  /** Its columns in order; null for an expression. */
  columns: (string | null)[]
}

/** Every index that someone made, of these tables. Those that SQLite makes by itself for keys are left out. */
export function indexesIn(db: DatabaseSync, tables: readonly string[]): ActualIndex[] {
  const list = db.prepare('select name, "unique", origin, partial from pragma_index_list(?) order by name')
  const columns = db.prepare('select name from pragma_index_info(?) order by seqno')
  return tables.flatMap((table) =>
    list
      .all(table)
      .filter(({ origin }) => origin === 'c')
      .map((row) => ({
        name: row.name as string,
        table,
        unique: row.unique === 1,
        partial: row.partial === 1,
        columns: columns.all(row.name!).map(({ name }) => name as string | null),
      })),
  )
}

/** Bytes on disk; undefined where this SQLite can't tell. */
export function sizeOf(db: DatabaseSync, name: string): number | undefined {
  try {
    return db.prepare('select pgsize as n from dbstat where name = ? and aggregate = true').get(name)?.n as number
  } catch {
    return undefined
  }
}

/** About what an index over these columns would have, by a sample of rows. Each entry has some bytes besides its values. */
export function sizeOfMissing(db: DatabaseSync, table: string, columns: readonly string[], rows: number): number {
  const length = columns.map((column) => `coalesce(length(${quoted(column)}), 0)`).join(' + ')
  const { bytes } = db.prepare(`select avg(${length}) as bytes from (select * from ${quoted(table)} limit 1000)`).get()!
  return Math.round(rows * ((bytes as number) + 8))
}

// Some seconds of a busy application's changes, or weeks of a quiet one's: enough to see what changes.
const entriesRead = 20_000

/** Changes of rows, as the commit log has them. */
export class WriteCounts {
  readonly days: number
  readonly #whole = new Map<string, number>()
  readonly #columns = new Map<string, number>()

  constructor(db: DatabaseSync, now: number) {
    const shapes = new Map(
      db
        .prepare('select id, table_name, columns from monobloc_shape')
        .all()
        .map(({ id, table_name, columns }) => [
          id,
          {
            table: table_name as string,
            columns: (JSON.parse(columns as string) as { columns: { name: string }[] }).columns,
          },
        ]),
    )
    const newest = db.prepare(
      `select shape, operation, previous from monobloc_log order by sequence desc limit ${entriesRead}`,
    )
    for (const { shape, operation, previous } of newest.iterate()) {
      const found = shapes.get(shape)
      if (!found) continue
      // 1 is an update: an index is written only where one of its columns has changed.
      if (operation !== 1) add(this.#whole, found.table)
      else
        for (const place of placesIn(previous as string))
          add(this.#columns, `${found.table}.${found.columns[place]?.name}`)
    }
    const oldest = db
      .prepare(
        `select min(at) as at from monobloc_commit
         where last >= (select max(sequence) - ${entriesRead} from monobloc_log)`,
      )
      .get()!.at as number | null
    this.days = oldest === null ? 0 : Math.max((now - oldest) / (24 * 60 * 60 * 1000), 1 / 24)
  }

  /** How often a day an index of these columns is written. At most: an update of two of them counts twice. */
  perDay(table: string, columns: readonly (string | null)[]): number {
    if (this.days === 0) return 0
    const updates = columns.reduce((sum, column) => sum + (this.#columns.get(`${table}.${column}`) ?? 0), 0)
    return Math.round(((this.#whole.get(table) ?? 0) + updates) / this.days)
  }
}

function add(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

/** Of `[0,3,"before",5,null]`: 3 and 5. */
function placesIn(previous: string): number[] {
  return (JSON.parse(previous) as unknown[]).filter((_, at) => at % 2 === 1) as number[]
}
