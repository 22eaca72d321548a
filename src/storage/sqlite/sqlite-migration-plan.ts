import type { DatabaseSync } from 'node:sqlite'
import type { ColumnSpec, Schema, TableSpec } from '../../schema/index.ts'
import type { Difference, MigrationStep } from '../migrations/migration.ts'
import { needsConsent } from '../migrations/migration-file.ts'
import { type ActualTable, readTable } from './sqlite-catalog.ts'
import { actualType, isSameType, typeName } from './sqlite-column-type.ts'
import { addColumn } from './sqlite-compare-columns.ts'
import { conversionSql } from './sqlite-conversion.ts'
import { droppedTable, indexDifferences, type Tables, tableDifferences } from './sqlite-difference.ts'
import { appTables, newPrefix, readTables, shadowOfModels } from './sqlite-shadow.ts'
import { createIndexSql, createTableSql, declaredChecks, isCounted, quoted } from './sqlite-table.ts'

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
  readonly #before = new Map<string, string>()

  constructor(base: DatabaseSync, wanted: Tables, schema: Schema, ours: ReadonlySet<string> | undefined) {
    this.#base = base
    this.#wanted = wanted
    this.#schema = schema
    this.#ours = ours
    this.#specs = appTables(schema)
  }

  plan(): PlannedSteps {
    const steps = [...this.#tableRenames(), ...this.#columnRenames()]
    const tables = readTables(this.#base)
    const unknown = [...tables.keys()].filter((name) => !this.#wanted.has(name) && (this.#ours?.has(name) ?? true))
    for (const spec of this.#specs) steps.push(...this.#tableSteps(spec, tables.get(spec.name)))
    for (const name of unknown) steps.push(dropTable(name))
    return { steps, questions: this.#questions(tables, unknown), before: this.#before }
  }

  // A name may be taken by one that is itself about to be renamed: so as long as one more fits.
  #tableRenames(): MigrationStep[] {
    const steps: MigrationStep[] = []
    const rename = ({ name, renamedFrom: old }: TableSpec): boolean => {
      const there = readTables(this.#base)
      if (!old || there.has(name) || !there.has(old) || (this.#wanted.has(old) && !this.#isFreed(old, there)))
        return false
      steps.push(this.#renamed(`rename table ${old} to ${name}`, name, `${quoted(old)} RENAME TO ${quoted(name)}`))
      this.#before.set(name, old)
      return true
    }
    while (this.#specs.some(rename));
    return steps
  }

  #isFreed(old: string, there: Tables): boolean {
    const spec = this.#specs.find(({ name }) => name === old)
    return spec?.renamedFrom !== undefined && there.has(spec.renamedFrom)
  }

  #columnRenames(): MigrationStep[] {
    const steps: MigrationStep[] = []
    const rename =
      (spec: TableSpec) =>
      (column: ColumnSpec): boolean => {
        const there = readTables(this.#base, new Set([spec.name])).get(spec.name)?.columns
        const old = column.renamedFrom
        if (!there || !old || there.has(column.name) || !there.has(old)) return false
        const stays = spec.columns.find(({ name }) => name === old)
        if (stays && !(stays.renamedFrom !== undefined && there.has(stays.renamedFrom))) return false
        const to = `${spec.name}.${column.name}`
        steps.push(
          this.#renamed(
            `rename column ${spec.name}.${old} to ${column.name}`,
            to,
            `${quoted(spec.name)} RENAME COLUMN ${quoted(old)} TO ${quoted(column.name)}`,
          ),
        )
        this.#before.set(to, old)
        return true
      }
    for (const spec of this.#specs) while (spec.columns.some(rename(spec)));
    return steps
  }

  #renamed(description: string, subject: string, alteration: string): MigrationStep {
    const sql = `ALTER TABLE ${alteration}`
    this.#base.exec(sql)
    return {
      description,
      sql: [sql],
      differences: [{ kind: 'rename', subject, words: description }],
      wanting: [],
      safe: true,
    }
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
    return indexDifferences(there, wanted).map((difference) => {
      const name = / index (\S+)/.exec(` ${difference.words}`)?.[1] ?? ''
      const index = spec.indexes.find((one) => one.name === name)
      const sql = there.indexes.has(name) ? [`DROP INDEX ${quoted(name)}`] : []
      if (index) sql.push(createIndexSql(this.#schema, spec, index))
      return step(difference.words, sql, [difference])
    })
  }

  /** New columns that ALTER TABLE can add. */
  #additions(spec: TableSpec, there: ActualTable): MigrationStep[] {
    const checks = declaredChecks(this.#schema, spec)
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

  /** What is gone beside what is new may be the same: only the models can say. */
  #questions(tables: Tables, unknown: readonly string[]): string[] {
    const questions: string[] = []
    for (const gone of unknown) {
      const columns = [...tables.get(gone)!.columns.keys()]
      for (const [name, wanted] of this.#wanted) {
        const shared = columns.filter((column) => wanted.columns.has(column)).length
        if (tables.has(name) || shared * 2 < columns.length) continue
        questions.push(
          `Table ${gone} is gone and ${name} is new. If it is the same, write model('${name}', …, { renamedFrom: '${gone}' }).`,
        )
      }
    }
    for (const [name, wanted] of this.#wanted) {
      const there = tables.get(name)
      if (there) questions.push(...columnQuestions(there, wanted))
    }
    return questions
  }
}

function columnQuestions(there: ActualTable, wanted: ActualTable): string[] {
  const gone = [...there.columns.keys()].filter((column) => !wanted.columns.has(column))
  const added = [...wanted.columns.keys()].filter((column) => !there.columns.has(column))
  return gone.flatMap((old) =>
    added
      .filter((column) => typeName(actualType(there, old)) === typeName(actualType(wanted, column)))
      .map(
        (column) =>
          `${there.name}.${old} is gone and ${there.name}.${column} is new. If it is the same, write ${column}: ….renamedFrom('${old}').`,
      ),
  )
}

function step(description: string, sql: string[], differences: Difference[]): MigrationStep {
  return { description, sql, differences, wanting: [], safe: !differences.some(needsConsent) }
}

function dropTable(name: string): MigrationStep {
  return step(`drop table ${name}`, [`DROP TABLE ${quoted(name)}`], [droppedTable(name)])
}
