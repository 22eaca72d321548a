import type { Expression } from 'kysely'
import { MonoblocError } from '../../errors.ts'
import { type Field, uuidv7 } from '../../schema/index.ts'
import type { SqlValue } from '../storage.ts'
import { sql } from './kysely.ts'
import type { LinkField, ModelPlan, ModelPlans, StoredColumn } from './model-plan.ts'
import type { AnyRow } from './query.ts'
import { levelOf } from './read-level.ts'
import { isJson, SqlWriter } from './read-sql.ts'
import { RowCodec } from './row-codec.ts'
import type { Template } from './template.ts'

/** A statement that changes rows, and what reads the rows that it returns. */
export interface WriteTemplate extends Template {
  codec: RowCodec
  /** Where among the cells the row stands as a document, if it does. */
  documentAt?: number | undefined
}

/** What an insert stores in one column. */
export interface InsertedColumn {
  column: StoredColumn
  /** The value of an insert that gives none. */
  fill: (now: Date) => unknown
}

export interface InsertPlan {
  /** All columns, so that inserts of a model have one shape. */
  columns: readonly InsertedColumn[]
  /** Those that the database does not count by itself. */
  uncounted: readonly InsertedColumn[]
  serial: string | undefined
}

const plans = new WeakMap<ModelPlan, InsertPlan>()

export function insertPlan(plan: ModelPlan): InsertPlan {
  let made = plans.get(plan)
  if (!made) {
    const columns = [...plan.columns.values()].map((column) => ({ column, fill: fillOf(column.field) }))
    const uncounted = columns.filter(({ column }) => column.type.type !== 'serial')
    const serial = columns.find(({ column }) => column.type.type === 'serial')?.column.name
    made = { columns, uncounted, serial }
    plans.set(plan, made)
  }
  return made
}

function fillOf(field: Field): (now: Date) => unknown {
  const { default: given, automatic } = field.options
  if (automatic === 'version') return () => 1
  if (automatic === 'deletedAt') return () => null
  if (automatic) return (now) => now
  if (field.kind === 'id') return (now) => uuidv7(now.getTime())
  if (given && 'make' in given) return given.make
  // What is neither given nor made is null, which a column that can't be null refuses.
  return given ? () => given.value : () => null
}

/** Appends the engine's values of a row, in the order of the columns. */
export function encodeRow(
  { dialect }: ModelPlans,
  columns: readonly InsertedColumn[],
  row: AnyRow,
  now: Date,
  values: SqlValue[],
): void {
  for (const { column, fill } of columns) {
    const given = row[column.name]
    const value = given === undefined ? fill(now) : given
    values.push(value === null || value === undefined ? null : dialect.encode(column.type, value))
  }
}

/** The link fields that a row to be written gives, with their keys. */
export function givenLinks(plan: ModelPlan, row: AnyRow): { link: LinkField; keys: readonly unknown[] }[] {
  if (plan.links.length === 0) return []
  return plan.links.flatMap((link) => {
    const keys = row[link.name] as readonly unknown[] | undefined
    return keys === undefined ? [] : [{ link, keys }]
  })
}

/**
 * `returning` the fields of a row, and what reads them.
 *
 * @param document with the row as a document behind them, where SQL can make it
 */
export function returning(
  { dialect, engine }: ModelPlans,
  plan: ModelPlan,
  fields: readonly string[] | undefined,
  document = false,
) {
  const level = levelOf(plan, fields, [])
  const columns: Expression<unknown>[] = level.stored.map(
    ({ name, type }) => sql`${dialect.selected(type, sql.ref(name))} as ${sql.ref(name)}`,
  )
  if (columns.length === 0) columns.push(sql`1 as ${sql.ref('~')}`)
  const documentAt = document && isJson(dialect, level) ? columns.length : undefined
  if (documentAt !== undefined) {
    const made = new SqlWriter(dialect, engine, 'json').document(level, plan.name)
    columns.push(sql`${made} as ${sql.ref('~json')}`)
  }
  return { returned: sql.join(columns), codec: new RowCodec(level), documentAt }
}

/** Which columns a patch sets, in the model's order, so that patches of the same fields have one shape. */
export function patchedColumns(plan: ModelPlan, patch: AnyRow): StoredColumn[] {
  for (const name of Object.keys(patch)) {
    if (!plan.columns.has(name) && !plan.links.some((link) => link.name === name)) {
      throw new MonoblocError('definition_invalid', {
        subject: plan.name,
        detail: `${plan.name}.${name} can't be written.`,
      })
    }
  }
  return [...plan.columns.values()].filter((column) => patch[column.name] !== undefined)
}

/**
 * The assignments of an update: first the patched columns, then what moves with every change. The values of the
 * former, then the current instant, stand in the slots that `slot` gives.
 */
export function assignments(
  { engine }: ModelPlans,
  plan: ModelPlan,
  columns: readonly StoredColumn[],
  table: string,
  slot: () => Expression<unknown>,
): Expression<unknown> {
  const set = columns.map((column) => sql`${sql.ref(column.name)} = ${slot()}`)
  const { updatedAt, version } = plan
  const own = (column: StoredColumn) => sql.ref(`${table}.${column.name}`)
  if (updatedAt && !columns.includes(updatedAt)) {
    set.push(sql`${sql.ref(updatedAt.name)} = ${engine.laterThan(own(updatedAt), slot())}`)
  }
  if (version && !columns.includes(version)) set.push(sql`${sql.ref(version.name)} = ${own(version)} + 1`)
  if (set.length === 0) set.push(sql`${sql.ref(plan.key[0]!.name)} = ${own(plan.key[0]!)}`)
  return sql.join(set)
}

/** Appends the values of `assignments`. */
export function encodePatch(
  { dialect }: ModelPlans,
  plan: ModelPlan,
  columns: readonly StoredColumn[],
  patch: AnyRow,
  now: Date,
  values: SqlValue[],
): void {
  for (const { name, type } of columns) values.push(patch[name] === null ? null : dialect.encode(type, patch[name]))
  const { updatedAt } = plan
  if (updatedAt && !columns.includes(updatedAt)) values.push(dialect.encode(updatedAt.type, now))
}
