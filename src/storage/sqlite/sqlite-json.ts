import type { Expression, RawBuilder, SqlBool } from 'kysely'
import type { ColumnType, JsonPath, JsonTest } from '../../schema/index.ts'
import type { Dialect } from '../sql/dialect.ts'
import { comparisonSql, comparisonValues, type FilterWriter, textSql, textValues } from '../sql/filter-sql-compare.ts'
import { subqueryAllowed } from '../sql/filter-sql-inline-refusal.ts'
import { isBeyondExact, type JsonFilters, jsonPathLiteral } from '../sql/filter-sql-json.ts'
import { sql } from '../sql/kysely.ts'
import type { SqlValue } from '../storage.ts'

const text: ColumnType = { type: 'text' }
const float: ColumnType = { type: 'float' }
const integer: ColumnType = { type: 'integer' }

/** Tests by SQLite's JSON functions. The place is a constant of the statement, so that an index on it is found. */
export function sqliteDocuments(dialect: () => Dialect): JsonFilters {
  return {
    test: jsonTestSql,
    values: (test, values) => jsonTestValues(dialect(), test, values),
    indexed: (column, path) => `("${column}" ->> ${jsonPathLiteral(path)})`,
  }
}

function jsonTestSql(
  writer: FilterWriter,
  column: Expression<unknown>,
  path: JsonPath,
  test: JsonTest,
): RawBuilder<SqlBool> {
  const scalar = sql`(${column} ->> ${sql.raw(jsonPathLiteral(path))})`
  const at = sql.raw(jsonPathLiteral(path))
  const type = sql`json_type(${column}, ${at})`
  switch (test.operator) {
    case 'null':
      return test.value ? sql`${scalar} is null` : sql`${scalar} is not null`
    case 'document':
      return documentSql(writer, sql`${column} -> ${at}`, test.value)
    case 'has':
      return hasSql(writer, column, at, type, test)
    case 'length': {
      const length = sql`case when ${type} = 'array' then json_array_length(${column}, ${at}) end`
      return comparisonSql(writer, sql`(${length})`, integer, test.comparison)
    }
    case 'eq':
      if (test.type === 'boolean') return sql`${type} = ${writer.value(text, String(test.value))}`
      return typedSql(writer, type, scalar, test)
    default:
      return typedSql(writer, type, scalar, test)
  }
}

type TypedTest = Exclude<JsonTest, { operator: 'null' | 'document' | 'has' | 'length' }>

/** Only values of one JSON type compare: `->>` alone would make text of an array and a number of true. */
function typedSql(
  writer: FilterWriter,
  type: Expression<unknown>,
  scalar: Expression<unknown>,
  test: TypedTest,
): RawBuilder<SqlBool> {
  if (test.type === 'number') {
    // SQLite reads digits without a point as a 64-bit integer and compares it exactly; JavaScript printed the shortest
    // digits of a double, which from 2^53 on may be those of another integer. Below, no cast is needed and an index serves.
    const number = isBeyondExact(test) ? sql`cast(${scalar} as real)` : scalar
    return sql`(${type} in ('integer', 'real') and ${scalarSql(writer, number, float, test)})`
  }
  return sql`(${type} = 'text' and ${scalarSql(writer, scalar, text, test)})`
}

function scalarSql(
  writer: FilterWriter,
  scalar: Expression<unknown>,
  type: ColumnType,
  test: TypedTest,
): RawBuilder<SqlBool> {
  switch (test.operator) {
    case 'in':
      return comparisonSql(writer, scalar, type, { operator: 'in', values: test.values })
    case 'eq':
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      return comparisonSql(writer, scalar, type, { operator: test.operator, value: test.value })
    default:
      return textSql(writer, scalar, test.operator, test.value)
  }
}

function hasSql(
  writer: FilterWriter,
  column: Expression<unknown>,
  at: Expression<unknown>,
  type: Expression<unknown>,
  test: Extract<JsonTest, { operator: 'has' }>,
): RawBuilder<SqlBool> {
  subqueryAllowed(writer, 'has')
  const alias = writer.alias()
  const elementType = sql.ref(`${alias}.type`)
  const element = sql.ref(`${alias}.value`)
  const elements = sql`json_each(${column}, ${at}) as ${sql.ref(alias)}`
  return sql`(${type} = 'array' and exists (select 1 from ${elements} where ${elementSql(writer, elementType, element, test)}))`
}

function elementSql(
  writer: FilterWriter,
  type: Expression<unknown>,
  element: Expression<unknown>,
  test: Extract<JsonTest, { operator: 'has' }>,
): RawBuilder<SqlBool> {
  if (test.type === 'null') return sql`${type} = 'null'`
  if (test.type === 'boolean') return sql`${type} = ${writer.value(text, String(test.value))}`
  if (test.type === 'string') return sql`${type} = 'text' and ${element} = ${writer.value(text, test.value)}`
  return sql`${type} in ('integer', 'real') and cast(${element} as real) = ${writer.value(float, test.value)}`
}

/**
 * Two documents are equal when the sets of their places, each with its type and scalar, are. Not one row of either may
 * be missing in the other; the order of members has no part in a place.
 */
function documentSql(writer: FilterWriter, document: Expression<unknown>, value: unknown): RawBuilder<SqlBool> {
  subqueryAllowed(writer, 'eq with an array or object')
  const found = () => placesSql(document)
  const wanted = () => placesSql(writer.value({ type: 'json' }, value))
  return sql`(not exists (${found()} except ${wanted()}) and not exists (${wanted()} except ${found()}))`
}

function placesSql(document: Expression<unknown>): RawBuilder<unknown> {
  const type = sql`case type when 'real' then 'integer' else type end`
  const scalar = sql`case when type in ('integer', 'real') then cast(atom as real) else atom end`
  return sql`select fullkey, ${type}, ${scalar} from json_tree(${document})`
}

/** The values of `jsonTestSql`, in the order of its placeholders. */
function jsonTestValues(dialect: Dialect, test: JsonTest, values: SqlValue[]): void {
  switch (test.operator) {
    case 'null':
      return
    case 'document': {
      const document = dialect.encode({ type: 'json' }, test.value)
      values.push(document, document)
      return
    }
    case 'length':
      comparisonValues(dialect, integer, test.comparison, values)
      return
    case 'in':
      values.push(dialect.encodeList(test.type === 'number' ? float : text, test.values))
      return
    case 'has':
    case 'eq':
    case 'gt':
    case 'gte':
    case 'lt':
    case 'lte':
      scalarValue(dialect, test.value, values)
      return
    default:
      textValues(dialect, test.operator, test.value, values)
  }
}

function scalarValue(dialect: Dialect, value: string | number | boolean | null, values: SqlValue[]): void {
  if (value === null) return
  if (typeof value === 'number') values.push(dialect.encode(float, value))
  else values.push(dialect.encode(text, String(value)))
}
