import type { Expression } from 'kysely'
import { MonoblocError } from '../../errors.ts'
import { decimalText, kindOf } from '../../schema/index.ts'
import type { SqlRow } from '../storage.ts'
import { sql } from './kysely.ts'
import { badQuery, type ModelPlan, type ModelPlans, type StoredColumn } from './model-plan.ts'
import type { AggregateQuery } from './query.ts'
import { ref } from './read-sql.ts'

export type GroupField = StoredColumn

/** One value of each group. */
export interface AggregateCell {
  kind: 'count' | 'sum' | 'avg' | 'min' | 'max'
  /** Undefined for the count of rows. */
  field: string | undefined
  /** What `sort` calls it. */
  name: string
  columns: Expression<unknown>[]
  order: Expression<unknown>
  read: (row: SqlRow) => unknown
}

// Six digits beyond the scale: an average has no last digit.
const averageDigits = 6

/** @throws MonoblocError `invalid_query` */
export function groupFields(plan: ModelPlan, names: readonly string[]): GroupField[] {
  return [...new Set(names)].map((name) => field(plan, 'by', name, ({ type }) => type.type !== 'json'))
}

/** @throws MonoblocError `invalid_query` */
export function cellsOf(plans: ModelPlans, plan: ModelPlan, query: AggregateQuery, table: string): AggregateCell[] {
  const cells: AggregateCell[] = query.count ? [countCell()] : []
  const isNumber = ({ type }: StoredColumn) => ['integer', 'serial', 'bigint', 'decimal', 'float'].includes(type.type)
  const isOrdered = (column: StoredColumn) => kindOf(column.field).ordered
  for (const kind of ['sum', 'avg', 'min', 'max'] as const) {
    for (const name of new Set(query[kind])) {
      const isTotal = kind === 'sum' || kind === 'avg'
      const column = field(plan, kind, name, isTotal ? isNumber : isOrdered)
      cells.push(isTotal ? totalCell(plans, kind, column, table) : extremeCell(plans, kind, column, table))
    }
  }
  return cells
}

function field(
  plan: ModelPlan,
  option: string,
  name: string,
  allowed: (column: StoredColumn) => boolean,
): StoredColumn {
  const column = plan.columns.get(name)
  if (column && allowed(column)) return column
  const names = [...plan.columns.values()].filter(allowed).map((one) => one.name)
  throw badQuery(
    option,
    `can't name "${name}": ${names.join(', ') || 'no field'} of ${plan.name} can be asked for here`,
  )
}

function countCell(): AggregateCell {
  const count = sql`count(*)`
  const columns = [sql`${count} as ${sql.ref('~count')}`]
  return { kind: 'count', field: undefined, name: 'count', columns, order: count, read: (row) => Number(row['~count']) }
}

function extremeCell(
  { dialect, engine }: ModelPlans,
  kind: 'min' | 'max',
  column: StoredColumn,
  table: string,
): AggregateCell {
  const { name, type, decode } = column
  const alias = `~${kind}.${name}`
  const value = engine.extreme(kind, type, ref(table, name))
  return {
    ...named(kind, name),
    columns: [sql`${dialect.selected(type, value)} as ${sql.id(alias)}`],
    order: value,
    read: (row) => {
      const found = row[alias]!
      return found === null || !decode ? found : decode(found)
    },
  }
}

function totalCell({ engine }: ModelPlans, kind: 'sum' | 'avg', column: StoredColumn, table: string): AggregateCell {
  const own = ref(table, column.name)
  const alias = `~${kind}.${column.name}`
  const average = sql`avg(${own})`
  if (column.type.type === 'float') {
    const value = kind === 'sum' ? sql`sum(${own})` : average
    return {
      ...named(kind, column.name),
      columns: [sql`${value} as ${sql.id(alias)}`],
      order: value,
      read: (row) => (row[alias] === null ? null : Number(row[alias])),
    }
  }
  const counted = `${alias}.count`
  return {
    ...named(kind, column.name),
    columns: [
      sql`${engine.exactSum(column.type, own)} as ${sql.id(alias)}`,
      ...(kind === 'avg' ? [sql`count(${own}) as ${sql.id(counted)}`] : []),
    ],
    order: kind === 'sum' ? engine.roughSum(own) : average,
    read: (row) => {
      const parts = row[alias]!
      if (parts === null) return null
      const sum = engine.readSum(column.type, parts as string)
      return kind === 'sum' ? sumOf(column, sum) : averageOf(column, sum, BigInt(row[counted] as number))
    },
  }
}

function named(kind: AggregateCell['kind'], name: string) {
  return { kind, field: name, name: `${kind}.${name}` }
}

function sumOf({ name, type }: StoredColumn, units: bigint): unknown {
  if (type.type === 'bigint') return units
  if (type.type === 'decimal') return decimalText(units, type.scale)
  const sum = Number(units)
  if (Number.isSafeInteger(sum)) return sum
  throw new MonoblocError('result_too_large', {
    detail: `The sum of ${name} is beyond ±(2^53 - 1): make it a bigint field.`,
  })
}

function averageOf({ type }: StoredColumn, units: bigint, count: bigint): unknown {
  if (type.type === 'integer' || type.type === 'serial') return Number(units) / Number(count)
  const scaled = units * 10n ** BigInt(averageDigits)
  const size = scaled < 0n ? -scaled : scaled
  const rounded = (size * 2n + count) / (count * 2n)
  return decimalText(scaled < 0n ? -rounded : rounded, (type.type === 'decimal' ? type.scale : 0) + averageDigits)
}
