import type { Expression, RawBuilder, SqlBool } from 'kysely'
import type { JsonPath, JsonTest } from '../../schema/index.ts'
import type { SqlValue } from '../storage.ts'
import { comparisonShape, type FilterWriter, textShape } from './filter-sql-compare.ts'

/** How an engine looks into documents. */
export interface JsonFilters {
  /** A test of what stands at a place of a column. */
  test(writer: FilterWriter, column: Expression<unknown>, path: JsonPath, test: JsonTest): RawBuilder<SqlBool>
  /** Appends the values of `test`, in the order of its placeholders. */
  values(test: JsonTest, values: SqlValue[]): void
  /** What an index on a place is made of, so that tests of equality find it. */
  indexed(column: string, path: JsonPath): string
}

/** The place as a constant in the path language of SQL: `'$."address"."city"'`. */
export function jsonPathLiteral(path: JsonPath): string {
  const steps = path.map((step) => (typeof step === 'number' ? `[${step}]` : `."${step}"`))
  return `'$${steps.join('').replaceAll("'", "''")}'`
}

/** A test that holds a number from 2^53 on, of which JavaScript and a database may print other digits. */
export function isBeyondExact(test: JsonTest): boolean {
  const isLarge = (value: unknown) => typeof value === 'number' && Math.abs(value) >= 2 ** 53
  return 'values' in test ? test.values.some(isLarge) : 'value' in test && isLarge(test.value)
}

/** What of a test its SQL depends on, the place aside. */
export function jsonTestShape(test: JsonTest): string {
  switch (test.operator) {
    case 'null':
      return test.value ? 'null' : 'not-null'
    case 'document':
      return 'document'
    case 'length':
      return `length.${comparisonShape(test.comparison)}`
    case 'startsWith':
      return textShape(test.operator, test.value)
    default:
      return `${test.operator}.${test.type}${isBeyondExact(test) ? '.large' : ''}`
  }
}
