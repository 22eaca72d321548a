import { type Field, textKinds } from './field.ts'
import type { OrderOperator, TextOperator } from './filter-condition.ts'
import { filterValue } from './filter-value.ts'
import type { ColumnType } from './kind.ts'
import { textNormaliser } from './kind-text.ts'
import { kindOf, valueField } from './kinds.ts'

export const equalityOperators = ['eq', 'ne', 'in', 'nin', 'null'] as const
export const orderOperators = ['gt', 'gte', 'lt', 'lte', 'between'] as const
export const textOperators = ['contains', 'startsWith', 'endsWith', 'icontains', 'istartsWith', 'iendsWith'] as const
export const documentOperators = ['has', 'length'] as const
export const manyOperators = ['some', 'every', 'none', 'count'] as const
export const groupOperators = ['and', 'or', 'not'] as const

/** How deep `and`, `or`, `not` and relations may nest: people write 3 or 4; each level is a level of SQL. */
export const deepestFilter = 20
/** How many comparisons one filter may hold: the SQL of 200 stays far below every engine's limit. */
export const mostConditions = 200
/** How many values `in` and `nin` may list: about what a page of another list can hold. */
export const mostListed = 1000

/** What the values of a field are read by. */
export interface FieldOperand {
  /**
   * That of its column, but a serial is a whole number like any other, and a decimal may be compared with one that is
   * larger than the column's own.
   */
  readonly type: ColumnType
  readonly operators: readonly string[]
  /** The only values there are, of an enum. */
  readonly values: readonly string[] | undefined
  /** Changes a text as the field changes what is kept; undefined where it changes nothing. */
  readonly normalise: ((operator: string, text: string) => string) | undefined
}

// Every filter asks, and a field never changes.
const operands = new WeakMap<Field, FieldOperand>()

export function operandOf(field: Field): FieldOperand {
  let found = operands.get(field)
  if (!found) {
    const held = valueField(field)
    found = {
      type: typeOf(field),
      operators: operatorsOf(field),
      values: held.kind === 'enum' ? held.options.values : undefined,
      normalise: textKinds.includes(held.kind) ? textNormaliser(held.options) : undefined,
    }
    operands.set(field, found)
  }
  return found
}

/** A value of the field's column that rows are looked up by, as the field keeps it; undefined for what is none. */
export function lookedUp(field: Field, type: ColumnType, given: unknown): unknown {
  const value = filterValue(type, given)
  if (typeof value !== 'string' || type.type !== 'text') return value
  return operandOf(field).normalise?.('eq', value) ?? value
}

function typeOf(field: Field): ColumnType {
  const type = kindOf(field).column(valueField(field).options)
  if (type.type === 'serial') return { type: 'integer' }
  return type.type === 'decimal' ? { ...type, precision: 18 } : type
}

function operatorsOf(field: Field): readonly string[] {
  if (field.kind === 'json') return [...equalityOperators, 'path', ...documentOperators]
  const ordered = kindOf(field).ordered ? [...equalityOperators, ...orderOperators] : equalityOperators
  return textKinds.includes(field.kind) ? [...ordered, ...textOperators] : ordered
}

export function isTextOperator(operator: string): operator is TextOperator {
  return (textOperators as readonly string[]).includes(operator)
}

export function isOrderOperator(operator: string): operator is OrderOperator {
  return operator !== 'between' && (orderOperators as readonly string[]).includes(operator)
}

/** Compared without case: its values are folded, and so is what they are held against. */
export function isCaseBlind(operator: TextOperator): boolean {
  return operator === 'icontains' || operator === 'istartsWith' || operator === 'iendsWith'
}
