import type { Expression, RawBuilder, SqlBool } from 'kysely'
import { type ColumnType, type Comparison, type TextOperator, textAfterPrefix } from '../../schema/index.ts'
import type { SqlValue } from '../storage.ts'
import type { Dialect } from './dialect.ts'
import { sql } from './kysely.ts'

/** How a condition is written down: with placeholders in a query, or with constants in a CHECK or a partial index. */
export interface FilterWriter {
  readonly dialect: Dialect
  readonly alias: () => string
  /** A column of the row that the condition is about. */
  readonly column: (name: string) => Expression<unknown>
  readonly value: (type: ColumnType, value: unknown) => Expression<unknown>
  readonly isIn: (type: ColumnType, target: Expression<unknown>, values: readonly unknown[]) => RawBuilder<SqlBool>
  readonly fold: (text: Expression<unknown>) => Expression<unknown>
  /** The writer for the rows of another table alias. */
  readonly related: (table: string) => FilterWriter
  /** @throws MonoblocError where a subquery cannot stand */
  readonly subqueries: boolean
}

const symbols = { eq: '=', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

const text: ColumnType = { type: 'text' }

/** A comparison where null counts as false; `ne` and `nin` are never null. */
export function comparisonSql(
  writer: FilterWriter,
  target: Expression<unknown>,
  type: ColumnType,
  comparison: Comparison,
): RawBuilder<SqlBool> {
  switch (comparison.operator) {
    case 'null':
      return comparison.value ? sql`${target} is null` : sql`${target} is not null`
    case 'in':
      return writer.isIn(type, target, comparison.values)
    case 'nin':
      return sql`(${writer.isIn(type, target, comparison.values)}) is not true`
    case 'ne':
      return sql`${target} is distinct from ${writer.value(type, comparison.value)}`
    case 'eq':
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return sql`${target} ${sql.raw(symbols[comparison.operator])} ${writer.value(type, comparison.value)}`
    default:
      return textSql(writer, target, comparison.operator, comparison.value as string)
  }
}

export function textSql(
  writer: FilterWriter,
  target: Expression<unknown>,
  operator: TextOperator,
  against: string,
): RawBuilder<SqlBool> {
  const { dialect, fold } = writer
  const value = () => writer.value(text, against)
  switch (operator) {
    case 'contains':
      return dialect.contains(target, value())
    case 'icontains':
      return dialect.contains(fold(target), value())
    case 'startsWith': {
      // A range rather than LIKE: an index answers it, and no character of the value means anything else.
      const after = textAfterPrefix(against)
      if (after === undefined) return sql`${target} >= ${value()}`
      return sql`(${target} >= ${value()} and ${target} < ${writer.value(text, after)})`
    }
    case 'istartsWith':
      return sql`substr(${fold(target)}, 1, length(${value()})) = ${value()}`
    case 'endsWith':
      return dialect.endsWith(target, value)
    case 'iendsWith':
      return dialect.endsWith(fold(target), value)
  }
}

/** The values of `comparisonSql`, in the order of its placeholders. */
export function comparisonValues(dialect: Dialect, type: ColumnType, comparison: Comparison, values: SqlValue[]): void {
  switch (comparison.operator) {
    case 'null':
      return
    case 'in':
    case 'nin':
      values.push(dialect.encodeList(type, comparison.values))
      return
    case 'ne':
    case 'eq':
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      values.push(dialect.encode(type, comparison.value))
      return
    default:
      textValues(dialect, comparison.operator, comparison.value as string, values)
  }
}

export function textValues(dialect: Dialect, operator: TextOperator, against: string, values: SqlValue[]): void {
  const value = dialect.encode(text, against)
  values.push(value)
  if (operator === 'startsWith') {
    const after = textAfterPrefix(against)
    if (after !== undefined) values.push(dialect.encode(text, after))
  } else if (operator !== 'contains' && operator !== 'icontains') {
    values.push(value)
  }
}

/** What of a comparison its SQL depends on. */
export function comparisonShape(comparison: Comparison): string {
  if (comparison.operator === 'null') return comparison.value ? 'null' : 'not-null'
  if (comparison.operator === 'startsWith') return textShape('startsWith', comparison.value as string)
  return comparison.operator
}

export function textShape(operator: TextOperator, against: string): string {
  return operator === 'startsWith' && textAfterPrefix(against) === undefined ? 'startsWith-last' : operator
}
