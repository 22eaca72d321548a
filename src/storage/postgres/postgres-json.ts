import type { Expression, RawBuilder, SqlBool } from 'kysely'
import type { ColumnType, JsonPath, JsonTest } from '../../schema/index.ts'
import type { Dialect } from '../sql/dialect.ts'
import { comparisonSql, comparisonValues, type FilterWriter, textSql, textValues } from '../sql/filter-sql-compare.ts'
import { subqueryAllowed } from '../sql/filter-sql-inline-refusal.ts'
import type { JsonFilters } from '../sql/filter-sql-json.ts'
import { sql } from '../sql/kysely.ts'
import type { SqlValue } from '../storage.ts'

const text: ColumnType = { type: 'text' }
const integer: ColumnType = { type: 'integer' }
const json: ColumnType = { type: 'json' }

/**
 * Tests of `jsonb`. What stands at a place is compared as jsonb, whose numbers are exact decimals and whose strings are
 * equal when their bytes are; only the order of strings is asked of text, because jsonb orders them as the database's
 * language does.
 */
export function postgresDocuments(dialect: () => Dialect): JsonFilters {
  return {
    test: jsonTestSql,
    values: (test, values) => jsonTestValues(dialect(), test, values),
    indexed(column, path) {
      const { before, after } = around(path)
      return `(${before}"${column}"${after})`
    },
  }
}

/**
 * What stands at a place; null where nothing does, or null. An index on the place holds this. `->` takes a name for a
 * member and a number for an element, but takes a scalar for a list of itself: only the first element has to be asked for
 * in another way.
 */
function around(path: JsonPath): { before: string; after: string } {
  let before = ''
  let after = ''
  for (const step of path) {
    if (step === 0) {
      before = `jsonb_path_query_first(${before}`
      after += `, 'strict $[0]', '{}', true)`
    } else {
      after += typeof step === 'number' ? ` -> ${step}` : ` -> '${step.replaceAll("'", "''")}'`
    }
  }
  return { before: `nullif(${before}`, after: `${after}, 'null'::jsonb)` }
}

function jsonTestSql(
  writer: FilterWriter,
  column: Expression<unknown>,
  path: JsonPath,
  test: JsonTest,
): RawBuilder<SqlBool> {
  const { before, after } = around(path)
  const place = sql`${sql.raw(before)}${column}${sql.raw(after)}`
  const isOf = (type: string) => sql`jsonb_typeof(${place}) = ${sql.lit(type)}`
  const document = (value: unknown) => sql`${writer.value(json, value)}::jsonb`
  switch (test.operator) {
    case 'null':
      return test.value ? sql`${place} is null` : sql`${place} is not null`
    case 'document':
      subqueryAllowed(writer, 'eq with an array or object')
      return sql`${place} = ${document(test.value)}`
    case 'eq':
      return sql`${place} = ${document(test.value)}`
    case 'in':
      return writer.isIn(json, place, test.values)
    case 'has':
      subqueryAllowed(writer, 'has')
      return sql`(${isOf('array')} and ${place} @> ${test.type === 'null' ? sql`'null'::jsonb` : document(test.value)})`
    case 'length': {
      const length = sql`(case when ${isOf('array')} then jsonb_array_length(${place})::bigint end)`
      return comparisonSql(writer, length, integer, test.comparison)
    }
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte': {
      const { operator, type, value } = test
      return type === 'number'
        ? sql`(${isOf('number')} and ${place} ${sql.raw(symbols[operator])} ${document(value)})`
        : sql`(${isOf('string')} and ${comparisonSql(writer, textOf(place), text, { operator, value })})`
    }
    default:
      return sql`(${isOf('string')} and ${textSql(writer, textOf(place), test.operator, test.value)})`
  }
}

const symbols = { gt: '>', gte: '>=', lt: '<', lte: '<=' } as const

function textOf(place: Expression<unknown>): RawBuilder<unknown> {
  return sql`((${place} #>> '{}') collate "C")`
}

function jsonTestValues(dialect: Dialect, test: JsonTest, values: SqlValue[]): void {
  switch (test.operator) {
    case 'null':
      return
    case 'length':
      comparisonValues(dialect, integer, test.comparison, values)
      return
    case 'in':
      values.push(dialect.encodeList(json, test.values))
      return
    case 'document':
    case 'eq':
      values.push(dialect.encode(json, test.value))
      return
    case 'has':
      if (test.type !== 'null') values.push(dialect.encode(json, test.value))
      return
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      values.push(dialect.encode(test.type === 'number' ? json : text, test.value))
      return
    default:
      textValues(dialect, test.operator, test.value, values)
  }
}
