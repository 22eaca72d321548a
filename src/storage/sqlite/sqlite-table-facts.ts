import type { DatabaseSync } from 'node:sqlite'
import { ownPrefix } from './sqlite-guard.ts'
import { smallTable } from './sqlite-plan.ts'
import { quoted } from './sqlite-table.ts'

/** Milliseconds for which a fact is taken as it was found. */
const factMillis = 30_000

/** Rows whose equals are counted. Rows of large groups are met more often, so that a lopsided column is found out. */
const samples = 8

/** Rows next to one another that are looked at, to see how rare some are: as many as the largest pages hold, and half. */
const neighbours = 500

/** How deep in from both ends of an index rows are taken, where rows have no numbers to jump to. */
const deepest = 1_000

/** What the judgement of plans needs to know of tables: asked of the data itself, in well under a millisecond each. */
export class TableFacts {
  readonly #facts = new Map<string, { value: number; until: number }>()
  readonly #random: () => number
  readonly #most: number
  readonly #supposed = new Map<string, readonly string[]>()

  /** @param most rows that are counted: beyond, their number is without bound */
  constructor(random: () => number = Math.random, most = smallTable) {
    this.#random = random
    this.#most = most
  }

  /** Takes an index for one that is there. */
  suppose(index: string, columns: readonly string[]): void {
    this.#supposed.set(index, columns.map(quoted))
  }

  /** The number of rows where the table is small, else without bound. A full-text index is as large as its table. */
  size(db: DatabaseSync, name: string): number {
    const prefix = `${ownPrefix}search_`
    const table = name.startsWith(prefix) ? name.slice(prefix.length) : name
    return this.#known(`size ${table}`, () => this.#countUpTo(db, `select 1 from ${quoted(table)}`, []))
  }

  /** How many columns the key has. */
  keySize(db: DatabaseSync, table: string): number {
    return this.#known(`key ${table}`, () => {
      const row = db.prepare('select count(*) as n from pragma_table_info(?) where pk > 0').get(table)
      return row!.n as number
    })
  }

  /** Rows that share their values in the first columns of an index (or of the key): the most that a sample found. */
  equals(db: DatabaseSync, table: string, index: string | undefined, count: number): number {
    return this.#known(`equals ${table} ${index} ${count}`, () => {
      const columns = (this.#supposed.get(index ?? '') ?? columnsOf(db, table, index)).slice(0, count)
      if (columns.length < count) return Infinity
      const matching = `select 1 from ${quoted(table)} where ${columns.map((column) => `${column} is ?`).join(' and ')}`
      const found = this.#samples(db, table, columns).map((values) => this.#countUpTo(db, matching, values))
      return Math.max(1, ...found)
    })
  }

  /** Rows looked at for each whose column is null, where they are rarest: the most that a sample found. */
  rowsPerNull(db: DatabaseSync, table: string, column: string): number {
    return this.#known(`null ${table} ${column}`, () => {
      const rows = db.prepare(
        `select count(*) as n, sum(${quoted(column)} is null) as nulls
         from (select ${quoted(column)} from ${quoted(table)} where rowid >= ? order by rowid limit ${neighbours})`,
      )
      const found = [0, ...this.#places(db, table)].map(
        (from) => rows.get(from) as unknown as { n: number; nulls: number },
      )
      return Math.max(1, ...found.map(({ n, nulls }) => (n < neighbours / 2 ? 1 : n / nulls)))
    })
  }

  /** One row for one set of values. */
  isUnique(db: DatabaseSync, table: string, index: string, count: number): boolean {
    const unique = this.#known(`unique ${table} ${index}`, () => {
      const row = db.prepare('select "unique" as n from pragma_index_list(?) where name = ?').get(table, index)
      const columns = db.prepare('select count(*) as n from pragma_index_info(?)').get(index)
      return row?.n === 1 ? (columns!.n as number) : 0
    })
    return unique > 0 && unique === count
  }

  #samples(db: DatabaseSync, table: string, columns: readonly string[]): unknown[][] {
    const list = columns.join(', ')
    const hasRowid = db
      .prepare("select 1 from pragma_table_list where schema = 'main' and name = ? and wr = 0")
      .get(table)
    const rows: unknown[] = []
    if (hasRowid) {
      const near = db.prepare(`select ${list} from ${quoted(table)} where rowid >= ? limit 1`)
      for (const place of this.#places(db, table)) rows.push(near.get(place))
    } else {
      for (let n = 0; n < samples; n++) {
        const direction = n % 2 ? ' desc' : ''
        const order = columns.map((column) => column + direction).join(', ')
        const offset = Math.floor(this.#random() * deepest)
        rows.push(db.prepare(`select ${list} from ${quoted(table)} order by ${order} limit 1 offset ${offset}`).get())
      }
    }
    return rows.filter((row) => row !== undefined).map((row) => Object.values(row as object))
  }

  #countUpTo(db: DatabaseSync, rows: string, values: readonly unknown[]): number {
    const found = db.prepare(`select count(*) as n from (${rows} limit ${this.#most + 1})`).get(...(values as never[]))!
      .n as number
    return found > this.#most ? Infinity : found
  }

  /** Row numbers from all over a table. */
  #places(db: DatabaseSync, table: string): number[] {
    const { least, most } = db
      .prepare(`select min(rowid) as least, max(rowid) as most from ${quoted(table)}`)
      .get() as unknown as Ends
    return Array.from({ length: samples }, () => Math.floor(least + this.#random() * (most - least)))
  }

  #known(name: string, find: () => number): number {
    const now = performance.now()
    const found = this.#facts.get(name)
    if (found && found.until > now) return found.value
    let value = Infinity
    try {
      value = find()
    } catch {
      // What can't be asked (a table that SQLite made up for the plan) has no bound that we know of.
    }
    this.#facts.set(name, { value, until: now + factMillis })
    return value
  }
}

interface Ends {
  least: number
  most: number
}

function columnsOf(db: DatabaseSync, table: string, index: string | undefined): string[] {
  const rows =
    index === undefined
      ? db.prepare('select name from pragma_table_info(?) where pk > 0 order by pk').all(table)
      : db.prepare('select name from pragma_index_info(?) order by seqno').all(index)
  // An expression has no name.
  const end = rows.findIndex((row) => row.name === null)
  return rows.slice(0, end < 0 ? rows.length : end).map((row) => quoted(row.name as string))
}
