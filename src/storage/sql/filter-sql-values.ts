import type { Condition } from '../../schema/index.ts'
import type { SqlValue } from '../storage.ts'
import type { Dialect } from './dialect.ts'
import { comparisonShape, comparisonValues } from './filter-sql-compare.ts'
import { jsonPathLiteral, jsonTestShape } from './filter-sql-json.ts'

/**
 * A key that two conditions of one model share exactly when their SQL is the same: operators, columns and relations,
 * no values and no lengths of lists.
 */
export function shapeOf(condition: Condition): string {
  switch (condition.kind) {
    case 'constant':
      return condition.value ? 'true' : 'false'
    case 'and':
    case 'or':
      return `${condition.kind}(${condition.parts.map(shapeOf).join()})`
    case 'not':
      return `not(${shapeOf(condition.part)})`
    case 'compare':
      return `${condition.column}.${comparisonShape(condition.comparison)}`
    case 'json':
      return `${condition.column}${jsonPathLiteral(condition.path)}.${jsonTestShape(condition.test)}`
    case 'one':
      return `${condition.relation.name}:one(${shapeOf(condition.where)})`
    case 'many':
      return `${condition.relation.name}:${condition.quantity}(${shapeOf(condition.within)},${shapeOf(condition.where)})`
    case 'count':
      return `${condition.relation.name}:count.${comparisonShape(condition.comparison)}(${shapeOf(condition.within)})`
  }
}

/** The values of a condition's SQL, in the order of its placeholders. */
export function valuesOf(dialect: Dialect, condition: Condition): SqlValue[] {
  const values: SqlValue[] = []
  collect(dialect, condition, values)
  return values
}

function collect(dialect: Dialect, condition: Condition, values: SqlValue[]): void {
  switch (condition.kind) {
    case 'constant':
      return
    case 'and':
    case 'or':
      for (const part of condition.parts) collect(dialect, part, values)
      return
    case 'not':
      collect(dialect, condition.part, values)
      return
    case 'compare':
      comparisonValues(dialect, condition.type, condition.comparison, values)
      return
    case 'json':
      dialect.documents.values(condition.test, values)
      return
    case 'one':
      collect(dialect, condition.where, values)
      return
    case 'many':
      collect(dialect, condition.within, values)
      collect(dialect, condition.where, values)
      return
    case 'count':
      collect(dialect, condition.within, values)
      comparisonValues(dialect, { type: 'integer' }, condition.comparison, values)
  }
}
