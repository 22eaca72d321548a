import { allOf, anyOf, type Condition, type JsonPath, type JsonTest, nothing, notThat } from './filter-condition.ts'
import {
  documentOperators,
  equalityOperators,
  isCaseBlind,
  isOrderOperator,
  isTextOperator,
  orderOperators,
  textOperators,
} from './filter-operator.ts'
import { isBoundedList, readOperand } from './filter-parse-operators.ts'
import { parseJsonPath } from './filter-path.ts'
import { type FilterPath, isPlainObject, listed, type Reading, refuseUndefined } from './filter-reading.ts'
import { foldCase } from './fold.ts'
import { isStorableText } from './kind-text.ts'

const wholeOperators = [...equalityOperators, 'path', ...documentOperators]
const placeOperators = [...equalityOperators, ...orderOperators, ...textOperators, ...documentOperators]
const lengthOperators = [...equalityOperators, ...orderOperators]

// As deep as a json field itself may be.
const deepestDocument = 100

/** A json field: a scalar, null, or operators, of which `path` reaches inside. */
export function readJson(reading: Reading, column: string, value: unknown, path: FilterPath): Condition {
  return readPlace(reading, { column, path: [] }, wholeOperators, value, path)
}

interface Place {
  column: string
  path: JsonPath
}

function readPlace(
  reading: Reading,
  place: Place,
  operators: readonly string[],
  value: unknown,
  path: FilterPath,
): Condition {
  if (Array.isArray(value)) {
    reading.violate(path, 'invalid_value', 'must not be a list: use { eq: […] }, { in: […] } or { has: … }')
    return nothing
  }
  if (!isPlainObject(value)) return readOperator(reading, place, operators, 'eq', value, path)
  const parts = reading
    .members(value, path, 'an object of operators')
    .map(([operator, against]) => readOperator(reading, place, operators, operator, against, [...path, operator]))
  if (parts.length === 0) reading.violate(path, 'invalid_value', `must hold an operator: ${listed(operators)}`)
  return allOf(parts)
}

function readOperator(
  reading: Reading,
  place: Place,
  operators: readonly string[],
  operator: string,
  value: unknown,
  path: FilterPath,
): Condition {
  if (operator === 'path' && operators.includes('path')) return readPaths(reading, place, value, path)
  reading.count(path)
  if (!operators.includes(operator)) {
    reading.violate(path, 'unknown_operator', `is not an operator here; allowed: ${listed(operators)}`)
    return nothing
  }
  switch (operator) {
    case 'eq':
      return readEqual(reading, place, value, path)
    case 'ne':
      return notThat(readEqual(reading, place, value, path))
    case 'in':
      return readList(reading, place, value, path)
    case 'nin':
      return notThat(readList(reading, place, value, path))
    case 'null':
      if (typeof value === 'boolean') return at(place, { operator: 'null', value })
      return refuse(reading, path, 'must be true or false')
    case 'between':
      return readBetween(reading, place, value, path)
    case 'has':
      return readHas(reading, place, value, path)
    case 'length': {
      const make = (comparison: Extract<JsonTest, { operator: 'length' }>['comparison']) =>
        at(place, { operator: 'length', comparison })
      return readOperand(reading, { type: { type: 'integer' }, operators: lengthOperators, make }, value, path)
    }
    default:
      return readCompared(reading, place, operator, value, path)
  }
}

function at(place: Place, test: JsonTest): Condition {
  return { kind: 'json', column: place.column, path: place.path, test }
}

function refuse(reading: Reading, path: FilterPath, message: string): Condition {
  reading.violate(path, 'invalid_value', message)
  return nothing
}

function readPaths(reading: Reading, place: Place, value: unknown, path: FilterPath): Condition {
  const example = "{ 'address.city': { eq: 'Paris' } }"
  const entries = reading.members(value, path, `an object of places in the document, such as ${example}`)
  if (isPlainObject(value) && entries.length === 0)
    return refuse(reading, path, `must name a place, such as ${example}`)
  return allOf(
    entries.map(([name, inner]) => {
      const inside = parseJsonPath(name)
      if (inside) return readPlace(reading, { ...place, path: inside }, placeOperators, inner, [...path, name])
      return refuse(
        reading,
        [...path, name],
        'must be a place such as address.city or items[0].name, with at most 20 steps',
      )
    }),
  )
}

type Scalar =
  | { type: 'string'; value: string }
  | { type: 'number'; value: number }
  | { type: 'boolean'; value: boolean }

function scalarOf(value: unknown): Scalar | undefined {
  if (typeof value === 'string') return isStorableText(value) ? { type: 'string', value } : undefined
  if (typeof value === 'number')
    return Number.isFinite(value) ? { type: 'number', value: value === 0 ? 0 : value } : undefined
  return typeof value === 'boolean' ? { type: 'boolean', value } : undefined
}

function readEqual(reading: Reading, place: Place, value: unknown, path: FilterPath): Condition {
  if (value === null) return at(place, { operator: 'null', value: true })
  const scalar = scalarOf(value)
  if (scalar) return at(place, { operator: 'eq', ...scalar })
  if (isDocument(value, path, 0)) return at(place, { operator: 'document', value })
  return refuse(reading, path, 'must be JSON: objects, arrays, strings, finite numbers, true, false and null')
}

function isDocument(value: unknown, path: FilterPath, depth: number): boolean {
  refuseUndefined(value, path)
  if (value === null || scalarOf(value)) return true
  if (depth > deepestDocument) return false
  if (Array.isArray(value)) return [...value].every((member, index) => isDocument(member, [...path, index], depth + 1))
  return (
    isPlainObject(value) &&
    Object.entries(value).every(
      ([name, member]) => isStorableText(name) && isDocument(member, [...path, name], depth + 1),
    )
  )
}

/** Sorted by type: strings and numbers each in one list, the rest one by one. */
function readList(reading: Reading, place: Place, value: unknown, path: FilterPath): Condition {
  if (!isBoundedList(reading, value, path)) return nothing
  const strings: string[] = []
  const numbers: number[] = []
  const others: Condition[] = []
  for (const [index, member] of value.entries()) {
    refuseUndefined(member, [...path, index])
    const scalar = scalarOf(member)
    if (scalar?.type === 'string') strings.push(scalar.value)
    else if (scalar?.type === 'number') numbers.push(scalar.value)
    else {
      // Documents and the like are compared one by one, so each counts.
      if (others.length > 0) reading.count([...path, index])
      others.push(readEqual(reading, place, member, [...path, index]))
    }
  }
  if (strings.length > 0) others.push(at(place, { operator: 'in', type: 'string', values: strings }))
  if (numbers.length > 0) others.push(at(place, { operator: 'in', type: 'number', values: numbers }))
  return anyOf(others)
}

function readBetween(reading: Reading, place: Place, value: unknown, path: FilterPath): Condition {
  if (!Array.isArray(value) || value.length !== 2)
    return refuse(reading, path, 'must be a list of two values: the least and the greatest')
  return allOf([
    readCompared(reading, place, 'gte', value[0], [...path, 0]),
    readCompared(reading, place, 'lte', value[1], [...path, 1]),
  ])
}

function readHas(reading: Reading, place: Place, value: unknown, path: FilterPath): Condition {
  if (value === null) return at(place, { operator: 'has', type: 'null', value: null })
  const scalar = scalarOf(value)
  return scalar
    ? at(place, { operator: 'has', ...scalar })
    : refuse(reading, path, 'must be a string, a finite number, true, false or null')
}

function readCompared(reading: Reading, place: Place, operator: string, value: unknown, path: FilterPath): Condition {
  refuseUndefined(value, path)
  if (value === null) return nothing
  const scalar = scalarOf(value)
  if (isTextOperator(operator)) {
    if (scalar?.type !== 'string') return refuse(reading, path, 'must be a string without U+0000 and lone surrogates')
    // Every text contains, starts and ends with the empty text: that is said in the one way that SQL has for it.
    if (scalar.value === '') return at(place, { operator: 'startsWith', type: 'string', value: '' })
    return at(place, { operator, type: 'string', value: isCaseBlind(operator) ? foldCase(scalar.value) : scalar.value })
  }
  if (!isOrderOperator(operator)) throw new Error(`no reader for the operator ${operator}`)
  if (scalar?.type === 'string') return at(place, { operator, type: 'string', value: scalar.value })
  if (scalar?.type === 'number') return at(place, { operator, type: 'number', value: scalar.value })
  return refuse(reading, path, 'must be a string or a finite number')
}
