import type { ColumnType } from './kind.ts'
import type { Relation } from './schema.ts'

/** One step into a JSON document: a member's name or an element's position. */
export type JsonPath = readonly (string | number)[]

export type TextOperator = 'contains' | 'startsWith' | 'endsWith' | 'icontains' | 'istartsWith' | 'iendsWith'
export type OrderOperator = 'gt' | 'gte' | 'lt' | 'lte'

/**
 * What a column's value is held against. Values are as code has them (Date, bigint, decimal text with all digits of its
 * scale, Uint8Array); those of case-blind operators are folded; no value and no member of a list is null.
 */
export type Comparison =
  | { operator: 'null'; value: boolean }
  | { operator: 'eq' | 'ne' | OrderOperator | TextOperator; value: unknown }
  | { operator: 'in' | 'nin'; values: readonly unknown[] }

export type JsonScalarType = 'string' | 'number' | 'boolean'

/**
 * What a place in a JSON document is held against. Only values of one JSON type compare; null and a missing place are
 * both null. `document` is deep equality with an array or object; `has`: an array with that element; `length`: the
 * number of elements, null for what is no array. (`ne` and `nin` are `not` around the others.)
 */
export type JsonTest =
  | { operator: 'null'; value: boolean }
  | { operator: 'eq'; type: JsonScalarType; value: string | number | boolean }
  | { operator: OrderOperator; type: 'string' | 'number'; value: string | number }
  | { operator: TextOperator; type: 'string'; value: string }
  | { operator: 'in'; type: 'string' | 'number'; values: readonly (string | number)[] }
  | { operator: 'document'; value: unknown }
  | { operator: 'has'; type: JsonScalarType | 'null'; value: string | number | boolean | null }
  | { operator: 'length'; comparison: Comparison }

/**
 * A filter that was read and checked: what SQL is compiled from and what rows are matched against. Columns belong to
 * the model that the filter was parsed for; inside `one`, `many` and `count` to the relation's `to`.
 */
export type Condition =
  | { kind: 'constant'; value: boolean }
  | { kind: 'and' | 'or'; parts: readonly Condition[] }
  | { kind: 'not'; part: Condition }
  | { kind: 'compare'; column: string; type: ColumnType; comparison: Comparison }
  | { kind: 'json'; column: string; path: JsonPath; test: JsonTest }
  /** There is a related row, and it matches. */
  | { kind: 'one'; relation: Relation; where: Condition }
  /** Of the related rows that match `within` (the read policy), some, every or none match `where`. */
  | { kind: 'many'; relation: Relation; quantity: 'some' | 'every' | 'none'; within: Condition; where: Condition }
  /** The number of related rows that match `within`. */
  | { kind: 'count'; relation: Relation; within: Condition; comparison: Comparison }

export const everything: Condition = { kind: 'constant', value: true }
export const nothing: Condition = { kind: 'constant', value: false }

function isConstant(condition: Condition, value: boolean): boolean {
  return condition.kind === 'constant' && condition.value === value
}

/** Every part; true without parts. */
export function allOf(parts: readonly Condition[]): Condition {
  return combine('and', parts)
}

/** Any part; false without parts. */
export function anyOf(parts: readonly Condition[]): Condition {
  return combine('or', parts)
}

function combine(kind: 'and' | 'or', parts: readonly Condition[]): Condition {
  if (parts.length === 1) return parts[0]!
  const neutral = kind === 'and'
  const flat = parts.flatMap((part) => (part.kind === kind ? part.parts : [part]))
  if (flat.some((part) => isConstant(part, !neutral))) return neutral ? nothing : everything
  const left = flat.filter((part) => !isConstant(part, neutral))
  if (left.length === 0) return neutral ? everything : nothing
  return left.length === 1 ? left[0]! : { kind, parts: left }
}

/** The exact complement. */
export function notThat(part: Condition): Condition {
  if (part.kind === 'constant') return part.value ? nothing : everything
  return part.kind === 'not' ? part.part : { kind: 'not', part }
}

/** What the truth of a condition hangs on, besides the related rows' own columns. */
export interface FilterReach {
  /** Columns of the row itself; the key where a relation is found by it. */
  columns: Set<string>
  /** Tables whose rows are looked at beyond the row itself: related models and link tables. */
  tables: Set<string>
}

/** Which columns and tables a condition looks at: what must be in a log entry to decide it, and what it depends on. */
export function reachOf(
  condition: Condition,
  reach: FilterReach = { columns: new Set(), tables: new Set() },
): FilterReach {
  switch (condition.kind) {
    case 'constant':
      return reach
    case 'and':
    case 'or':
      for (const part of condition.parts) reachOf(part, reach)
      return reach
    case 'not':
      return reachOf(condition.part, reach)
    case 'compare':
    case 'json':
      reach.columns.add(condition.column)
      return reach
    default:
      reachOfRelation(condition, reach)
      return reach
  }
}

function reachOfRelation(condition: Extract<Condition, { relation: Relation }>, reach: FilterReach): void {
  const { via, from, to } = condition.relation
  reach.columns.add(via.kind === 'ref' ? via.field : from.key[0]!)
  reach.tables.add(to.name)
  if (via.kind === 'link') reach.tables.add(via.table)
  const inner: FilterReach = { columns: new Set(), tables: reach.tables }
  if ('where' in condition) reachOf(condition.where, inner)
  if ('within' in condition) reachOf(condition.within, inner)
}
