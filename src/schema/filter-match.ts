import type { Comparison, Condition } from './filter-condition.ts'
import { compileJsonTest } from './filter-match-json.ts'
import { compileComparison } from './filter-match-value.ts'
import { valueAt } from './filter-path.ts'
import type { Relation } from './schema.ts'

/** A row, as code has it or as JSON has it (as the commit log keeps it). */
export type MatchedRow = Readonly<Record<string, unknown>>

/** The rows that a relation leads to from a row: at most one for a to-one relation. */
export type RelatedRows = (relation: Relation, row: MatchedRow) => readonly MatchedRow[]

export type Matcher = (row: MatchedRow, related?: RelatedRows) => boolean

/**
 * Whether a row matches. The same answer as the condition's SQL gives over the same rows.
 *
 * @param related needed only where the condition crosses a relation
 */
export function matches(condition: Condition, row: MatchedRow, related?: RelatedRows): boolean {
  return compileMatcher(condition)(row, related)
}

/** Prepares a condition for many rows. */
export function compileMatcher(condition: Condition): Matcher {
  switch (condition.kind) {
    case 'constant':
      return () => condition.value
    case 'and': {
      const parts = condition.parts.map(compileMatcher)
      return (row, related) => parts.every((part) => part(row, related))
    }
    case 'or': {
      const parts = condition.parts.map(compileMatcher)
      return (row, related) => parts.some((part) => part(row, related))
    }
    case 'not': {
      const part = compileMatcher(condition.part)
      return (row, related) => !part(row, related)
    }
    case 'compare': {
      const { column } = condition
      const holds = compileComparison(condition.type, condition.comparison)
      return (row) => holds(row[column])
    }
    case 'json': {
      const { column, path } = condition
      const holds = compileJsonTest(condition.test)
      return (row) => holds(valueAt(row[column], path))
    }
    default:
      return compileRelation(condition)
  }
}

function compileRelation(condition: Extract<Condition, { relation: Relation }>): Matcher {
  const { relation } = condition
  if (condition.kind === 'one') {
    const where = compileMatcher(condition.where)
    return (row, related) => follow(relation, row, related).some((other) => where(other, related))
  }
  const within = compileMatcher(condition.within)
  if (condition.kind === 'count') return compileCount(relation, within, condition.comparison)
  const where = compileMatcher(condition.where)
  const { quantity } = condition
  const wanted = quantity !== 'every'
  return (row, related) => {
    const found = follow(relation, row, related).some(
      (other) => within(other, related) && where(other, related) === wanted,
    )
    return quantity === 'some' ? found : !found
  }
}

function compileCount(relation: Relation, within: Matcher, comparison: Comparison): Matcher {
  const holds = compileComparison({ type: 'integer' }, comparison)
  return (row, related) => holds(follow(relation, row, related).filter((other) => within(other, related)).length)
}

function follow(relation: Relation, row: MatchedRow, related: RelatedRows | undefined): readonly MatchedRow[] {
  if (!related)
    throw new Error(`the condition crosses ${relation.from.name}.${relation.name}, but no related rows are at hand`)
  return related(relation, row)
}
