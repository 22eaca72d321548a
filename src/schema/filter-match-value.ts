import type { Comparison, OrderOperator, TextOperator } from './filter-condition.ts'
import { compareText } from './filter-text.ts'
import { type Comparable, comparableReader } from './filter-value.ts'
import { foldCase } from './fold.ts'
import type { ColumnType } from './kind.ts'

/** Prepares a comparison with a column's values, as code or JSON has them. Null compares with nothing but `null` and `ne`. */
export function compileComparison(type: ColumnType, comparison: Comparison): (value: unknown) => boolean {
  if (comparison.operator === 'null') return (value) => (value === null || value === undefined) === comparison.value
  const read = comparableReader(type)
  if ('values' in comparison) {
    const listed = new Set(comparison.values.map(read))
    const wanted = comparison.operator === 'in'
    return (value) => {
      const found = read(value)
      return (found !== null && listed.has(found)) === wanted
    }
  }
  const { operator } = comparison
  const against = read(comparison.value)!
  if (operator === 'eq') return (value) => read(value) === against
  if (operator === 'ne') return (value) => read(value) !== against
  const holds = compileOperator(operator, against)
  return (value) => {
    const found = read(value)
    return found !== null && holds(found)
  }
}

/** Prepares an operator of order or text; what it is given later is of the same type as `against`. */
export function compileOperator(
  operator: OrderOperator | TextOperator,
  against: Comparable,
): (value: Comparable) => boolean {
  switch (operator) {
    case 'gt':
      return ordered(against, (order) => order > 0)
    case 'gte':
      return ordered(against, (order) => order >= 0)
    case 'lt':
      return ordered(against, (order) => order < 0)
    case 'lte':
      return ordered(against, (order) => order <= 0)
    case 'contains':
      return (value) => (value as string).includes(against as string)
    case 'startsWith':
      return (value) => (value as string).startsWith(against as string)
    case 'endsWith':
      return (value) => (value as string).endsWith(against as string)
    case 'icontains':
      return (value) => foldCase(value as string).includes(against as string)
    case 'istartsWith':
      return (value) => foldCase(value as string).startsWith(against as string)
    case 'iendsWith':
      return (value) => foldCase(value as string).endsWith(against as string)
  }
}

function ordered(against: Comparable, holds: (order: number) => boolean): (value: Comparable) => boolean {
  if (typeof against === 'string') return (value) => holds(compareText(value as string, against))
  return (value) => holds(value < against ? -1 : value > against ? 1 : 0)
}
