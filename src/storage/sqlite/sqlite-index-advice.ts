import { DatabaseSync } from 'node:sqlite'
import { deletionOf, foldCase, type Schema } from '../../schema/index.ts'
import { declaredIndex } from '../explain.ts'
import { duplicateIndexes } from '../sql/duplicate-indexes.ts'
import {
  type ActualIndex,
  indexesIn,
  type KeptStatement,
  keptStatements,
  sizeOf,
  sizeOfMissing,
  WriteCounts,
} from './sqlite-index-facts.ts'
import { addFold } from './sqlite-open.ts'
import { judgePlan, type PlanFinding, smallTable } from './sqlite-plan.ts'
import { helpfulIndex } from './sqlite-reach.ts'
import { shadowOf, withIndex, withoutIndex } from './sqlite-shadow-plan.ts'
import { TableFacts } from './sqlite-table-facts.ts'

/** What indexes of a database do for what was asked of it, and what they cost. Tables of at most 2,000 rows are left out. */
export interface IndexAdvice {
  /** RFC 3339: since when statements have been counted; null where none was. */
  since: string | null
  /**
   * Shapes of statements, and how often they ran. SQL that users wrote by hand is not among them. PostgreSQL tells no
   * statements: null, and how often its tables and indexes were scanned.
   */
  statements: number | null
  runs: number
  missing: MissingIndex[]
  unused: IndexCost[]
  duplicate: (IndexCost & { coveredBy: string })[]
  /** Tables that are read from end to end where no plain index helps; null where the statement is not known. */
  scans: { table: string; rows: number; runs: number; sql: string | null }[]
}

export interface IndexCost {
  table: string
  index: string
  fields: (string | null)[]
  /** On disk; undefined where the database can't tell. */
  bytes: number | undefined
  /** Writes of the index a day, by the commit log. */
  writesPerDay: number
}

export interface MissingIndex extends Omit<IndexCost, 'index'> {
  /** What to write in the model. */
  declare: string
  /** Statements that it helps, how often they ran, and the rows that one run looks at, now and with it. */
  statements: { sql: string; runs: number; rowsNow: number; rowsThen: number }[]
  /** Rows that all those runs would not have looked at. */
  rowsSaved: number
}

/** Rows that are counted for it: a count of so many takes a second or so. */
const mostRows = 5_000_000
/** Runs on a table before an index of it that none of them used is called unused. */
const enoughRuns = 1_000
/** An index must spare so many of the rows to be worth a word. */
const leastGain = 2

interface Seen extends KeptStatement {
  finding: PlanFinding
  tables: Set<string>
}

/** See `adviseIndexes`. */
export function indexAdvice(file: string, schema: Schema, now = Date.now()): IndexAdvice {
  const db = new DatabaseSync(file, { readOnly: true, timeout: 5000 })
  try {
    addFold(db, foldCase)
    db.exec('begin')
    return new Adviser(db, schema, now).advice()
  } finally {
    db.close()
  }
}

class Adviser {
  readonly #db: DatabaseSync
  readonly #schema: Schema
  readonly #shadow: DatabaseSync
  readonly #facts = new TableFacts(Math.random, mostRows)
  readonly #writes: WriteCounts
  readonly #tables: readonly string[]
  readonly #indexes: readonly ActualIndex[]
  readonly #since: number | null
  readonly #seen: Seen[]

  constructor(db: DatabaseSync, schema: Schema, now: number) {
    this.#db = db
    this.#schema = schema
    this.#shadow = shadowOf(db)
    this.#writes = new WriteCounts(db, now)
    const there = new Set(
      db
        .prepare("select name from sqlite_schema where type = 'table'")
        .all()
        .map(({ name }) => name),
    )
    this.#tables = schema.tables
      .map(({ name }) => name)
      .filter((name) => there.has(name) && this.#rows(name) > smallTable)
    this.#indexes = indexesIn(db, this.#tables)
    const { since, statements } = keptStatements(db)
    this.#since = since
    this.#seen = statements.flatMap((statement) => this.#see(statement))
  }

  advice(): IndexAdvice {
    const missing = this.#missing()
    const duplicate = this.#duplicate()
    const helped = new Set(missing.flatMap(({ statements }) => statements.map(({ sql }) => sql)))
    return {
      since: this.#since === null ? null : new Date(this.#since).toISOString(),
      statements: this.#seen.length,
      runs: sum(this.#seen, ({ runs }) => runs),
      missing,
      unused: this.#unused(new Set(duplicate.map(({ index }) => index))),
      duplicate,
      scans: this.#seen.flatMap(({ sql, runs, finding }) =>
        helped.has(sql)
          ? []
          : finding.scans
              .filter(({ table }) => this.#tables.includes(table))
              .map(({ table }) => ({ table, rows: this.#rows(table), runs, sql })),
      ),
    }
  }

  /** Undefined for a statement of models as they were. */
  #see(statement: KeptStatement): Seen[] {
    try {
      const finding = this.#judge(statement.sql)
      const tables = new Set(this.#tables.filter((table) => statement.sql.includes(`"${table}"`)))
      return [{ ...statement, finding, tables }]
    } catch {
      return []
    }
  }

  #judge(sql: string): PlanFinding {
    return judgePlan(this.#db, sql, this.#facts, this.#shadow)
  }

  #rows(table: string): number {
    return this.#facts.size(this.#db, table)
  }

  /** Tries the index that each scan asks for, in the shadow, on every statement that has a scan. */
  #missing(): MissingIndex[] {
    const candidates = new Map<string, { table: string; fields: string[] }>()
    for (const { finding } of this.#seen) {
      for (const { table, select } of finding.scans) {
        if (!this.#tables.includes(table)) continue
        const fields = helpfulIndex(this.#db, table, select)
        if (fields.length > 0) candidates.set(`${table} ${fields.join()}`, { table, fields })
      }
    }
    const found = [...candidates.values()].flatMap(({ table, fields }) => this.#tried(table, fields))
    return found.sort((a, b) => b.rowsSaved - a.rowsSaved)
  }

  #tried(table: string, fields: string[]): MissingIndex[] {
    const key = this.#schema.tables.find(({ name }) => name === table)!.key
    const columns = [...fields, ...key.filter((name) => !fields.includes(name))]
    const name = ['advised', table, ...fields].join('-')
    this.#facts.suppose(name, columns)
    const statements = withIndex(this.#shadow, { name, table, columns }, () =>
      this.#seen
        .filter(({ tables }) => tables.has(table))
        .flatMap(({ sql, runs, finding }) => {
          const then = this.#judge(sql)
          if (!then.indexes.has(name) || then.visits * leastGain > finding.visits) return []
          return [{ sql, runs, rowsNow: finding.visits, rowsThen: then.visits }]
        }),
    )
    if (statements.length === 0) return []
    return [
      {
        table,
        fields,
        declare: declaredIndex(table, fields),
        statements,
        rowsSaved: sum(statements, ({ runs, rowsNow, rowsThen }) => runs * (rowsNow - rowsThen)),
        bytes: sizeOfMissing(this.#db, table, columns, this.#rows(table)),
        writesPerDay: this.#writes.perDay(table, fields),
      },
    ]
  }

  /** Those that nothing used, of tables of which enough was asked; but for constraints, and what references need. */
  #unused(duplicates: ReadonlySet<string>): IndexCost[] {
    return this.#indexes
      .filter((index) => !index.unique && !duplicates.has(index.name) && !this.#isNeeded(index))
      .filter(({ table }) => sum(this.#asked(table), ({ runs }) => runs) >= enoughRuns)
      .filter(({ name, table }) => !this.#asked(table).some(({ finding }) => finding.indexes.has(name)))
      .map((index) => this.#cost(index))
  }

  #asked(table: string): Seen[] {
    return this.#seen.filter(({ tables }) => tables.has(table))
  }

  // Deleting a row looks for what refers to it, and purging for what was deleted.
  #isNeeded({ name, table, columns, partial }: ActualIndex): boolean {
    const { references, model } = this.#schema.tables.find((one) => one.name === table)!
    if (model === undefined) return true
    if (partial) return columns[0] === deletionOf(model)?.field
    const others = this.#indexes.filter((other) => other.table === table && other.name !== name && !other.partial)
    return (
      references.some(({ column }) => column === columns[0]) && !others.some((other) => other.columns[0] === columns[0])
    )
  }

  /** Those of the models that another one covers, unless what used them would then look at more rows. */
  #duplicate(): IndexAdvice['duplicate'] {
    return duplicateIndexes(this.#schema).flatMap(({ index: name, coveredBy }) => {
      const index = this.#indexes.find((one) => one.name === name)
      if (!index || this.#isNeeded(index)) return []
      const users = this.#seen.filter(({ finding }) => finding.indexes.has(name))
      const isWorse = withoutIndex(this.#shadow, name, () =>
        users.some(({ sql, finding }) => this.#judge(sql).visits > finding.visits * leastGain),
      )
      return isWorse ? [] : [{ ...this.#cost(index), coveredBy }]
    })
  }

  #cost({ name, table, columns }: ActualIndex): IndexCost {
    const declared = this.#schema.tables.flatMap(({ indexes }) => indexes).find((index) => index.name === name)
    return {
      table,
      index: name,
      fields: declared?.fields ?? columns,
      bytes: sizeOf(this.#db, name),
      writesPerDay: this.#writes.perDay(table, declared?.fields ?? columns),
    }
  }
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0)
}
