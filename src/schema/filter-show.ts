import { allOf, type Comparison, type Condition, type JsonTest, notThat } from './filter-condition.ts'

type Shown = Record<string, unknown>

/**
 * A condition as a filter that says the same, for people: what a policy comes to, what a request asks for. Constants are
 * `true` and `false`.
 */
export function shownFilter(condition: Condition): unknown {
  switch (condition.kind) {
    case 'constant':
      return condition.value
    case 'and':
      return joined(condition.parts.map(shownFilter))
    case 'or':
      return { or: condition.parts.map(shownFilter) }
    case 'not':
      return { not: shownFilter(condition.part) }
    case 'compare':
      return { [condition.column]: shownComparison(condition.comparison) }
    case 'json':
      return { [condition.column]: shownDocument(condition.path, condition.test) }
    case 'one':
      return { [condition.relation.name]: inner(condition.where) }
    case 'many':
      return { [condition.relation.name]: shownQuantity(condition) }
    case 'count': {
      const count = shownComparison(condition.comparison)
      const within = shownFilter(condition.within)
      return { [condition.relation.name]: within === true ? { count } : { count, of: within } }
    }
  }
}

/** Members that do not clash stand side by side, as people write them. */
function joined(parts: unknown[]): unknown {
  const names = parts.flatMap((part) => Object.keys(part as object))
  return new Set(names).size === names.length ? Object.assign({}, ...parts) : { and: parts }
}

function inner(condition: Condition): unknown {
  const shown = shownFilter(condition)
  return shown === true ? {} : shown
}

// What may be seen of the related rows and what is asked of them come to one filter.
function shownQuantity({ quantity, within, where }: Extract<Condition, { kind: 'many' }>): Shown {
  if (quantity !== 'every') return { [quantity]: inner(allOf([within, where])) }
  return within.kind === 'constant' && within.value
    ? { every: inner(where) }
    : { none: inner(allOf([within, notThat(where)])) }
}

function shownComparison(comparison: Comparison): unknown {
  if ('values' in comparison) return { [comparison.operator]: comparison.values }
  const { operator, value } = comparison
  if (operator === 'null') return value ? null : { null: false }
  return operator === 'eq' ? value : { [operator]: value }
}

function shownDocument(path: readonly (string | number)[], test: JsonTest): unknown {
  const shown = shownTest(test)
  if (path.length === 0) return shown
  const place = path.map((step) => (typeof step === 'number' ? `[${step}]` : `.${step}`)).join('')
  return { path: { [place.replace(/^\./, '')]: shown } }
}

function shownTest(test: JsonTest): unknown {
  if (test.operator === 'document') return { eq: test.value }
  if (test.operator === 'length') return { length: shownComparison(test.comparison) }
  if (test.operator === 'has') return { has: test.value }
  return shownComparison(test as Comparison)
}
