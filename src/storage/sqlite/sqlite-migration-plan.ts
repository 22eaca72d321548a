import type { DatabaseSync } from 'node:sqlite'
import type { ColumnSpec, Schema, TableSpec } from '../../schema/index.ts'
import type { Difference, MigrationStep } from '../migrations/migration.ts'
import { needsConsent } from '../migrations/migration-file.ts'
import { droppedTable } from '../migrations/schema-difference.ts'
import { planRenames, renameQuestions } from '../migrations/schema-rename.ts'
import { isSameType } from '../migrations/table-shape.ts'
import { declaredChecks } from '../sql/table-checks.ts'
import { type ActualTable, readTable } from './sqlite-catalog.ts'
import { actualType } from './sqlite-column-type.ts'
import { addColumn } from './sqlite-compare-columns.ts'
import { conversionSql } from './sqlite-conversion.ts'
import { sqliteDialect } from './sqlite-dialect.ts'
import { indexChanges, shapesOf, type Tables, tableDifferences } from './sqlite-difference.ts'
import { appTables, newPrefix, readTables, shadowOfModels } from './sqlite-shadow.ts'
import { createIndexSql, createTableSql, isCounted, quoted } from './sqlite-table.ts'

export interface PlannedSteps {
  steps: MigrationStep[]
  questions: string[]
  /** What a table or column of the models was called before, where it is renamed: `article.headline` to `article.title`. */
  before: Map<string, string>
}

/**
 * The steps from one database's tables to those of the models.
 *
 * @param base tables without rows; renames are made in it
 * @param ours the tables of it that may be dropped; default: every table
 */
export function planSteps(base: DatabaseSync, schema: Schema, ours?: ReadonlySet<string>): PlannedSteps {
  const models = shadowOfModels(schema)
  try {
    return new Planner(base, readTables(models), schema, ours).plan()
  } finally {
    models.close()
  }
}

class Planner {
  readonly #base: DatabaseSync
  readonly #wanted: Tables
  readonly #schema: Schema
  readonly #ours: ReadonlySet<string> | undefined
  readonly #specs: TableSpec[]

  constructor(base: DatabaseSync, wanted: Tables, schema: Schema, ours: ReadonlySet<string> | undefined) {
    this.#base = base
    this.#wanted = wanted
    this.#schema = schema
    this.#ours = ours
    this.#specs = appTables(schema)
  }

  plan(): PlannedSteps {
    const names = new Map([...readTables(this.#base)].map(([name, { columns }]) => [name, new Set(columns.keys())]))
    const renames = planRenames(this.#specs, names)
    for (const sql of renames.steps.flatMap((each) => each.sql)) this.#base.exec(sql)
    const steps = [...renames.steps]
    const tables = readTables(this.#base)
    const unknown = [...tables.keys()].filter((name) => !this.#wanted.has(name) && (this.#ours?.has(name) ?? true))
    for (const spec of this.#specs) steps.push(...this.#tableSteps(spec, tables.get(spec.name)))
    for (const name of unknown) steps.push(dropTable(name))
    const questions = renameQuestions(shapesOf(tables), shapesOf(this.#wanted), unknown)
    return { steps, questions, before: renames.before }
  }

  #tableSteps(spec: TableSpec, there: ActualTable | undefined): MigrationStep[] {
    const wanted = this.#wanted.get(spec.name)!
    const indexes = spec.indexes.map((index) => [index.name, createIndexSql(this.#schema, spec, index)] as const)
    if (!there) {
      const words = `create table ${spec.name}`
      const sql = [createTableSql(this.#schema, spec), ...indexes.map(([, create]) => create)]
      return [step(words, sql, [{ kind: 'add', subject: spec.name, words }])]
    }
    // First, and apart: a database that has such a column already, because `dev` added it, then keeps what is in it.
    const additions = this.#additions(spec, there)
    const grown = readTable(this.#base, spec.name)!
    const differences = tableDifferences(grown, wanted)
    if (differences.length === 0) return [...additions, ...this.#indexSteps(spec, grown, wanted)]
    return [...additions, this.#rebuild(spec, grown, differences)]
  }

  #indexSteps(spec: TableSpec, there: ActualTable, wanted: ActualTable): MigrationStep[] {
    return indexChanges(there, wanted).map(({ name, difference }) => {
      const index = spec.indexes.find((one) => one.name === name)
      const sql = there.indexes.has(name) ? [`DROP INDEX ${quoted(name)}`] : []
      if (index) sql.push(createIndexSql(this.#schema, spec, index))
      return step(difference.words, sql, [difference])
    })
  }

  /** New columns that ALTER TABLE can add. */
  #additions(spec: TableSpec, there: ActualTable): MigrationStep[] {
    const checks = declaredChecks(sqliteDialect, this.#schema, spec)
    const added = spec.columns.filter(({ name }) => !there.columns.has(name))
    const isNew = (field: string) => added.some(({ name }) => name === field)
    return added.flatMap((column) => {
      const own = checks.filter(({ fields }) => fields.every(isNew) && fields.at(-1) === column.name)
      const { safe, description, sql } = addColumn(spec, column, own)
      if (!safe) return []
      for (const each of sql) this.#base.exec(each)
      return [step(description, sql, [{ kind: 'add', subject: `${spec.name}.${column.name}`, words: description }])]
    })
  }

  #rebuild(spec: TableSpec, there: ActualTable, differences: Difference[]): MigrationStep {
    const { name } = spec
    const made = quoted(newPrefix + name)
    const wanting: string[] = []
    const columns = spec.columns.flatMap((column) => this.#copied(spec, column, there, wanting))
    const names = columns.map(([column]) => column).join(', ')
    const values = columns.map(([, value]) => `  ${value}`).join(',\n')
    const head = `CREATE TABLE ${quoted(name)}`
    const sql = [
      createTableSql(this.#schema, spec).replace(head, `CREATE TABLE ${made}`),
      // Numbers of rows that are gone must not come again.
      ...(there.counted && this.#wanted.get(name)!.counted
        ? [
            `INSERT INTO sqlite_sequence (name, seq) SELECT '${newPrefix}${name}', seq FROM sqlite_sequence WHERE name = '${name}'`,
          ]
        : []),
      `INSERT INTO ${made} (${names}) SELECT\n${values}\nFROM ${quoted(name)}`,
      `DROP TABLE ${quoted(name)}`,
      `ALTER TABLE ${made} RENAME TO ${quoted(name)}`,
      ...spec.indexes.map((index) => createIndexSql(this.#schema, spec, index)),
    ]
    const [only] = differences
    const words = differences.length === 1 ? only!.words : `rebuild ${name}`
    return { ...step(words, sql, differences), wanting, safe: !differences.some(needsConsent) && wanting.length === 0 }
  }

  /** A column of the new table and what its old rows hold; none where the column's default or null is right. */
  #copied(spec: TableSpec, column: ColumnSpec, there: ActualTable, wanting: string[]): [string, string][] {
    const target = quoted(column.name)
    if (there.columns.has(column.name)) {
      const from = actualType(there, column.name)
      const to = actualType(this.#wanted.get(spec.name)!, column.name)
      if (isSameType(from, to)) return [[target, target]]
      if (from && to) return [[target, conversionSql(target, from, to)]]
    } else if (column.automatic && column.automatic !== 'deletedAt') {
      return [[target, column.automatic === 'version' ? '1' : "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')"]]
    } else if (column.default || column.nullable || isCounted(spec, column)) return []
    wanting.push(`${spec.name}.${column.name}`)
    return [[target, 'NULL']]
  }
}

function step(description: string, sql: string[], differences: Difference[]): MigrationStep {
  return { description, sql, differences, wanting: [], safe: !differences.some(needsConsent) }
}

function dropTable(name: string): MigrationStep {
  return step(`drop table ${name}`, [`DROP TABLE ${quoted(name)}`], [droppedTable(name)])
}
