import type { JsonTest } from './filter-condition.ts'
import { compileComparison, compileOperator } from './filter-match-value.ts'

/** Prepares a test of what stands at a place of a document; undefined where nothing does. */
export function compileJsonTest(test: JsonTest): (value: unknown) => boolean {
  switch (test.operator) {
    case 'null':
      return (value) => (value === null || value === undefined) === test.value
    case 'eq':
      return (value) => value === test.value
    case 'in': {
      const listed = new Set<unknown>(test.values)
      return (value) => listed.has(value)
    }
    case 'document':
      return (value) => isSameDocument(value, test.value)
    case 'has':
      return (value) => Array.isArray(value) && value.includes(test.value)
    case 'length': {
      const holds = compileComparison({ type: 'integer' }, test.comparison)
      return (value) => holds(Array.isArray(value) ? value.length : null)
    }
    default: {
      const { type } = test
      const holds = compileOperator(test.operator, test.value)
      return (value) => typeof value === type && holds(value as string | number)
    }
  }
}

/** Deep equality of JSON: the order of members means nothing, that of elements does. */
function isSameDocument(a: unknown, b: unknown): boolean {
  if (a === b) return true
  if (typeof a !== 'object' || typeof b !== 'object' || a === null || b === null) return false
  if (Array.isArray(a) || Array.isArray(b)) {
    return (
      Array.isArray(a) &&
      Array.isArray(b) &&
      a.length === b.length &&
      a.every((member, at) => isSameDocument(member, b[at]))
    )
  }
  const names = Object.keys(a)
  if (names.length !== Object.keys(b).length) return false
  const other = b as Record<string, unknown>
  return names.every(
    (name) => Object.hasOwn(other, name) && isSameDocument((a as Record<string, unknown>)[name], other[name]),
  )
}
