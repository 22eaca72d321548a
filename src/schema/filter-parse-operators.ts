import { allOf, anyOf, type Comparison, type Condition, nothing, notThat } from './filter-condition.ts'
import { type FieldOperand, isCaseBlind, isOrderOperator, isTextOperator, mostListed } from './filter-operator.ts'
import { type FilterPath, isPlainObject, listed, type Reading, refuseUndefined } from './filter-reading.ts'
import { expectedValue, filterValue } from './filter-value.ts'
import { foldCase } from './fold.ts'

/** What operators are read for: a column, a key beyond a relation, a number of rows or elements. */
export interface Operand extends Omit<FieldOperand, 'values' | 'normalise'> {
  readonly values?: readonly string[] | undefined
  readonly normalise?: FieldOperand['normalise']
  make: (comparison: Comparison) => Condition
}

/** Reads a bare value, null or an object of operators. */
export function readOperand(reading: Reading, operand: Operand, value: unknown, path: FilterPath): Condition {
  if (Array.isArray(value)) {
    reading.violate(path, 'invalid_value', 'must not be a list: use { in: […] }')
    return nothing
  }
  if (!isPlainObject(value)) return readOperator(reading, operand, 'eq', value, path)
  const parts = reading
    .members(value, path, 'an object of operators')
    .map(([operator, against]) => readOperator(reading, operand, operator, against, [...path, operator]))
  if (parts.length === 0) reading.violate(path, 'invalid_value', `must hold an operator: ${listed(operand.operators)}`)
  return allOf(parts)
}

export function readOperator(
  reading: Reading,
  operand: Operand,
  operator: string,
  value: unknown,
  path: FilterPath,
): Condition {
  reading.count(path)
  if (!operand.operators.includes(operator)) {
    reading.violate(path, 'unknown_operator', `is not an operator here; allowed: ${listed(operand.operators)}`)
    return nothing
  }
  if (operator === 'in' || operator === 'nin') {
    const found = readList(reading, operand, value, path)
    return operator === 'in' ? found : negated(found, operand)
  }
  if (operator === 'between') return readBetween(reading, operand, value, path)
  if (operator === 'null') {
    if (typeof value === 'boolean') return operand.make({ operator: 'null', value })
    reading.violate(path, 'invalid_value', 'must be true or false')
    return nothing
  }
  // A comparison with null is false, but for `eq` and `ne`.
  if (value === null)
    return operator === 'eq' || operator === 'ne'
      ? operand.make({ operator: 'null', value: operator === 'eq' })
      : nothing
  const against = readValue(reading, operand, operator, value, path)
  if (against === undefined) return nothing
  if (isTextOperator(operator)) {
    // Every text contains, starts and ends with the empty text.
    if (against === '') return operand.make({ operator: 'null', value: false })
    return operand.make({ operator, value: isCaseBlind(operator) ? foldCase(against as string) : against })
  }
  if (operator === 'eq' || operator === 'ne' || isOrderOperator(operator))
    return operand.make({ operator, value: against })
  throw new Error(`no reader for the operator ${operator}`)
}

/** A value as code has it; undefined, with a violation, when it is of another type. */
function readValue(reading: Reading, operand: Operand, operator: string, value: unknown, path: FilterPath): unknown {
  refuseUndefined(value, path)
  const read = filterValue(operand.type, value)
  const found = typeof read === 'string' && operand.normalise ? operand.normalise(operator, read) : read
  if (found === undefined) reading.violate(path, 'invalid_value', `must be ${expectedValue(operand.type)}`)
  if (found === undefined || !operand.values || operand.values.includes(found as string)) return found
  reading.violate(path, 'invalid_value', `must be one of: ${listed(operand.values)}`)
  return undefined
}

function readList(reading: Reading, operand: Operand, value: unknown, path: FilterPath): Condition {
  if (!isBoundedList(reading, value, path)) return nothing
  const values: unknown[] = []
  let orNull = false
  for (const [at, member] of value.entries()) {
    const found = member === null ? null : readValue(reading, operand, 'in', member, [...path, at])
    if (found === null) orNull = true
    else if (found !== undefined) values.push(found)
  }
  const parts = values.length > 0 ? [operand.make({ operator: 'in', values })] : []
  return anyOf(orNull ? [...parts, operand.make({ operator: 'null', value: true })] : parts)
}

/** `nin` is the complement of `in`; said as itself where it stands alone, so that SQL is as simple as it can be. */
function negated(found: Condition, operand: Operand): Condition {
  if (found.kind === 'compare' && found.comparison.operator === 'in') {
    return operand.make({ operator: 'nin', values: found.comparison.values })
  }
  return notThat(found)
}

export function isBoundedList(reading: Reading, value: unknown, path: FilterPath): value is unknown[] {
  if (!Array.isArray(value)) {
    reading.violate(path, 'invalid_value', 'must be a list')
    return false
  }
  if (value.length > mostListed) {
    reading.violate(path, 'too_many', `must list at most ${mostListed} values`)
    return false
  }
  return true
}

function readBetween(reading: Reading, operand: Operand, value: unknown, path: FilterPath): Condition {
  if (!Array.isArray(value) || value.length !== 2) {
    reading.violate(path, 'invalid_value', 'must be a list of two values: the least and the greatest')
    return nothing
  }
  const bounds = [...value].map((bound, at) =>
    bound === null ? null : readValue(reading, operand, 'between', bound, [...path, at]),
  )
  if (bounds.includes(null) || bounds.includes(undefined)) return nothing
  return allOf([
    operand.make({ operator: 'gte', value: bounds[0] }),
    operand.make({ operator: 'lte', value: bounds[1] }),
  ])
}
