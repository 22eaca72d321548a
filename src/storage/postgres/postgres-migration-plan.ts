import type { Schema, TableSpec } from '../../schema/index.ts'
import type { Difference, MigrationStep } from '../migrations/migration.ts'
import { needsConsent } from '../migrations/migration-file.ts'
import { checkChanges, droppedTable, indexChanges, referenceDifferences } from '../migrations/schema-difference.ts'
import { planRenames, renameQuestions } from '../migrations/schema-rename.ts'
import type { Check } from '../sql/table-checks.ts'
import { type ActualTable, type Ask, readTables, type Tables } from './postgres-catalog.ts'
import { columnSteps, detachSql } from './postgres-migration-columns.ts'
import { appTables, plainSql, shapesOfModels } from './postgres-shadow.ts'
import { statementsOf } from './postgres-statements.ts'
import {
  checkSql,
  constraint,
  createIndexSql,
  createReferenceSql,
  createTableSql,
  quoted,
  referenceName,
  tableChecks,
} from './postgres-table.ts'

export interface PlannedSteps {
  steps: MigrationStep[]
  questions: string[]
  /** What a table or column of the models was called before, where it is renamed: `article.headline` to `title`. */
  before: Map<string, string>
}

/**
 * The steps from the tables of the schema that is current, which has no rows, to those of the models. They are run in it:
 * what is still missing after one is known by looking, as the server drops and renames by itself what hangs on columns.
 *
 * @param ours the tables of it that may be dropped; default: every table
 */
export async function planSteps(ask: Ask, schema: Schema, ours?: ReadonlySet<string>): Promise<PlannedSteps> {
  return new Planner(ask, schema, await shapesOfModels(ask, schema), ours).plan()
}

class Planner {
  readonly #ask: Ask
  readonly #schema: Schema
  readonly #wanted: Tables
  readonly #ours: ReadonlySet<string> | undefined
  readonly #specs: TableSpec[]
  readonly #steps: MigrationStep[] = []
  #tables: Tables = new Map()

  constructor(ask: Ask, schema: Schema, wanted: Tables, ours: ReadonlySet<string> | undefined) {
    this.#ask = ask
    this.#schema = schema
    this.#wanted = wanted
    this.#ours = ours
    this.#specs = appTables(schema)
  }

  async plan(): Promise<PlannedSteps> {
    this.#tables = await readTables(this.#ask)
    const names = new Map([...this.#tables].map(([name, { columns }]) => [name, new Set(columns.keys())]))
    const { steps: renames, before } = planRenames(this.#specs, names)
    await this.#do(...renames)
    const first = this.#tables
    const unknown = [...first.keys()].filter((name) => !this.#wanted.has(name) && (this.#ours?.has(name) ?? true))
    const questions = renameQuestions(first, this.#wanted, unknown)
    const changed = this.#specs.flatMap((spec) => {
      const there = first.get(spec.name)
      return there ? [{ spec, there, wanted: this.#wanted.get(spec.name)! }] : []
    })
    for (const { there, wanted } of changed) await this.#do(...namingSteps(there, wanted))
    for (const { spec, wanted } of changed) await this.#changeColumns(spec, wanted)
    for (const spec of this.#specs) if (!first.has(spec.name)) await this.#do(this.#creation(spec))
    for (const { spec, there, wanted } of changed) await this.#completeTable(spec, there, wanted)
    for (const spec of this.#specs) await this.#addReferences(spec, first.get(spec.name))
    for (const name of unknown) await this.#do(dropTable(name, this.#tables, unknown))
    return { steps: this.#steps, questions, before }
  }

  /** Plans steps, and sees what they come to. */
  async #do(...steps: MigrationStep[]): Promise<void> {
    if (steps.length === 0) return
    for (const statement of steps.flatMap(({ sql }) => statementsOf(`${sql.join(';\n')};`)))
      await this.#ask(plainSql(statement))
    this.#steps.push(...steps)
    this.#tables = await readTables(this.#ask)
  }

  #creation(spec: TableSpec): MigrationStep {
    const words = `create table ${spec.name}`
    const indexes = spec.indexes.map((index) => createIndexSql(this.#schema, spec, index))
    return step(words, [createTableSql(this.#schema, spec), ...indexes], [{ kind: 'add', subject: spec.name, words }])
  }

  async #changeColumns(spec: TableSpec, wanted: ActualTable): Promise<void> {
    const there = this.#tables.get(spec.name)!
    for (const [column] of there.references) {
      const now = wanted.references.get(column)
      const [difference] = now ? [] : referenceDifferences(there, wanted, column)
      // What goes with its column needs no word.
      if (difference && wanted.columns.has(column))
        await this.#do(
          step(difference.words, [dropConstraint(spec.name, there.references.get(column)!.name)], [difference]),
        )
    }
    for (const { act, name, difference } of checkChanges(there, wanted)) {
      if (act === 'drop') await this.#do(step(difference.words, [dropConstraint(spec.name, name)], [difference]))
    }
    for (const made of columnSteps(spec, there, wanted, this.#tables)) await this.#do(made)
  }

  /** CHECKs and indexes, as far as what was done to the columns has left them to do. */
  async #completeTable(spec: TableSpec, first: ActualTable, wanted: ActualTable): Promise<void> {
    const { name } = spec
    const said = new Map(checkChanges(first, wanted).map((change) => [change.name, change.difference]))
    const now = this.#tables.get(name)!
    for (const check of tableChecks(this.#schema, spec)) {
      if (now.checks.get(check.name) === wanted.checks.get(check.name)) continue
      const difference = said.get(check.name)
      const sql = [`ALTER TABLE ${quoted(name)} ADD ${checkSql(check)} NOT VALID`, validate(name, check.name)]
      if (now.checks.has(check.name)) sql.unshift(dropConstraint(name, check.name))
      const words = difference?.words ?? holding(check, name)
      await this.#do(step(words, sql, difference ? [difference] : []))
    }
    const changes = new Map(indexChanges(first, wanted).map((change) => [change.name, change.difference]))
    for (const [index, difference] of changes) {
      if (!wanted.indexes.has(index) && this.#tables.get(name)!.indexes.has(index))
        await this.#do(step(difference.words, [`DROP INDEX CONCURRENTLY ${quoted(index)}`], [difference]))
    }
    for (const index of spec.indexes) {
      const there = this.#tables.get(name)!.indexes.get(index.name)
      if (there?.sql === wanted.indexes.get(index.name)!.sql) continue
      const difference = changes.get(index.name)
      const create = createIndexSql(this.#schema, spec, index, true)
      const old = quoted(`monobloc_old_${index.name}`.slice(0, 63))
      const sql = there
        ? [`ALTER INDEX ${quoted(index.name)} RENAME TO ${old}`, create, `DROP INDEX CONCURRENTLY ${old}`]
        : [create]
      const words = difference?.words ?? `build ${index.unique ? 'unique index' : 'index'} ${index.name} anew`
      await this.#do(step(words, sql, difference ? [difference] : []))
    }
  }

  /** When all tables are there. Rows that are there are looked at apart, while others write. */
  async #addReferences(spec: TableSpec, first: ActualTable | undefined): Promise<void> {
    for (const reference of spec.references) {
      const { column } = reference
      const now = this.#tables.get(spec.name)!.references.get(column)
      const wanted = this.#wanted.get(spec.name)!.references.get(column)!
      if (now?.table === wanted.table && now.to === wanted.to && now.onDelete === wanted.onDelete) continue
      const isOld = first?.columns.has(column) ?? false
      const differences = first && isOld ? referenceDifferences(first, this.#wanted.get(spec.name)!, column) : []
      const add = createReferenceSql(spec.name, reference, first !== undefined)
      const sql = first ? [add, validate(spec.name, referenceName(spec.name, reference))] : [add]
      if (now) sql.unshift(dropConstraint(spec.name, now.name))
      const words = differences[0]?.words ?? `${spec.name}.${column} refers to ${wanted.table}`
      await this.#do(step(words, sql, differences))
    }
  }
}

/** What is called after a table or column that was renamed. */
function namingSteps(there: ActualTable, wanted: ActualTable): MigrationStep[] {
  const alter = `ALTER TABLE ${quoted(wanted.name)}`
  const rename = (from: string, to: string) => `${alter} RENAME CONSTRAINT ${constraint(from)} TO ${constraint(to)}`
  const checks = checkChanges(there, wanted).filter(({ act }) => act === 'rename')
  const sql = checks.map(({ name, from }) => rename(from!, name))
  for (const [column, { name }] of there.references) {
    const now = wanted.references.get(column)
    if (now && now.name !== name) sql.push(rename(name, now.name))
  }
  const words = `name the constraints of ${wanted.name} after it`
  const steps = sql.length > 0 ? [step(words, sql, [{ kind: 'rename', subject: wanted.name, words }])] : []
  const bare = (name: string, text: string) => text.replace(quoted(name), '').replace(` ${name} `, ' ')
  const taken = new Set<string>()
  for (const [name, { sql: text }] of wanted.indexes) {
    if (there.indexes.has(name)) continue
    const same = [...there.indexes].find(
      ([old, { sql: before }]) => !wanted.indexes.has(old) && !taken.has(old) && bare(old, before) === bare(name, text),
    )
    if (!same) continue
    taken.add(same[0])
    const renamed = `rename index ${same[0]} to ${name}`
    const difference: Difference = { kind: 'rename', subject: wanted.name, words: renamed }
    steps.push(step(renamed, [`ALTER INDEX ${quoted(same[0])} RENAME TO ${quoted(name)}`], [difference]))
  }
  return steps
}

function dropConstraint(table: string, name: string): string {
  return `ALTER TABLE ${quoted(table)} DROP CONSTRAINT ${constraint(name)}`
}

function validate(table: string, name: string): string {
  return `ALTER TABLE ${quoted(table)} VALIDATE CONSTRAINT ${constraint(name)}`
}

/** For what stands in no difference: a new column, or one that was made anew. */
function holding({ name, fields }: Check, table: string): string {
  const rule = name.slice(name.indexOf(':') + 1)
  const places = fields.map((field) => `${table}.${field}`).join(' and ')
  return `hold ${places} to ${/^(type|decimal\(.*\))$/.test(rule) ? 'its type' : rule}`
}

function step(description: string, sql: string[], differences: Difference[]): MigrationStep {
  return { description, sql, differences, wanting: [], safe: !differences.some(needsConsent) }
}

/** Of tables that go together, one that is referred to goes when it is not any more. */
function dropTable(name: string, tables: Tables, gone: readonly string[]): MigrationStep {
  const referring = [...tables.values()].filter((table) => table.name !== name && gone.includes(table.name))
  const sql = [...detachSql(name, referring), `DROP TABLE ${quoted(name)}`]
  return step(`drop table ${name}`, sql, [droppedTable(name)])
}
