import type { Expression, RawBuilder, SqlBool } from 'kysely'
import type { Condition } from '../../schema/index.ts'
import type { SqlValue } from '../storage.ts'
import type { Dialect } from './dialect.ts'
import { comparisonSql, type FilterWriter } from './filter-sql-compare.ts'
import { relationSql } from './filter-sql-relation.ts'
import { sql } from './kysely.ts'

/** What the conditions of one statement share, so that no alias repeats and values are numbered through. */
export interface FilterContext {
  readonly dialect: Dialect
  /** A table alias that nothing else in the statement has. */
  readonly alias: () => string
  /** What stands for a value in the template: the value itself, or a mark that is replaced before each run. */
  readonly bind: (value: SqlValue) => unknown
}

/**
 * A context for the conditions of one statement. Aliases are `f1`, `f2`, …; `bind` gets each value with its position
 * among all values of this context, in the order of the compiled placeholders.
 */
export function filterContext(
  dialect: Dialect,
  bind: (value: SqlValue, position: number) => unknown = (value) => value,
): FilterContext {
  let aliases = 0
  let values = 0
  return { dialect, alias: () => `f${++aliases}`, bind: (value) => bind(value, values++) }
}

/**
 * The SQL of a condition over the rows of a table alias. Its placeholders take `valuesOf(dialect, condition)`, and it
 * is the same for all conditions of one `shapeOf`.
 *
 * Where truth is asked for, null counts as false and comparisons stay as simple as an index wants them; `not` is
 * `IS NOT TRUE`, so that it is the exact complement.
 */
export function conditionSql(context: FilterContext, condition: Condition, table: string): Expression<SqlBool> {
  return writeCondition(boundWriter(context, table), condition)
}

function boundWriter(context: FilterContext, table: string): FilterWriter {
  const { dialect, alias, bind } = context
  return {
    dialect,
    alias,
    column: (name) => sql.ref(`${table}.${name}`),
    value: (type, value) => sql`${bind(dialect.encode(type, value))}`,
    isIn: (type, target, values) => dialect.isIn(type, target, sql`${bind(dialect.encodeList(type, values))}`),
    fold: (text) => dialect.fold(text),
    related: (other) => boundWriter(context, other),
    subqueries: true,
  }
}

/** Used with constants instead of placeholders too. */
export function writeCondition(writer: FilterWriter, condition: Condition): RawBuilder<SqlBool> {
  switch (condition.kind) {
    case 'constant':
      return condition.value ? sql`true` : sql`false`
    case 'and':
    case 'or': {
      const parts = condition.parts.map((part) => writeCondition(writer, part))
      return sql`(${sql.join(parts, condition.kind === 'and' ? sql` and ` : sql` or `)})`
    }
    case 'not':
      return sql`(${writeCondition(writer, condition.part)}) is not true`
    case 'compare': {
      const { column, type, comparison } = condition
      return comparisonSql(writer, writer.column(column), type, comparison)
    }
    case 'json':
      return writer.dialect.documents.test(writer, writer.column(condition.column), condition.path, condition.test)
    default:
      return relationSql(writer, condition, writeCondition)
  }
}
