import type { Condition, Field, Relation } from '../../schema/index.ts'
import { badQuery, type ModelPlan, type StoredColumn } from './model-plan.ts'
import type { Sorting } from './sorting.ts'

/** A condition, and the position of its first value among the values of the call. */
export interface PlacedCondition {
  condition: Condition
  at: number
}

/** One model's rows within an answer: what each holds, and which they are. */
export interface ReadLevel {
  plan: ModelPlan
  outputs: readonly Output[]
  /** Stored columns to select: those shown and those that computed fields are made from. */
  stored: readonly StoredColumn[]
  includes: readonly Include[]
}

export type Output =
  | { name: string; column: StoredColumn }
  | { name: string; virtual: Field }
  | { name: string; include: Include }

interface IncludeBase {
  name: string
  relation: Relation
  where: PlacedCondition | undefined
}
export interface IncludeOne extends IncludeBase {
  kind: 'one'
  level: ReadLevel
  /** Deleted rows may refer to the same one: the row that is not deleted is meant, else the one deleted last. */
  latest: boolean
}
export interface IncludeMany extends IncludeBase {
  kind: 'many'
  level: ReadLevel
  sorting: Sorting
  /** The position of the limit among the values of the call. */
  limitAt: number
  /** See `SqlEngine.ceilingOf`. */
  ceiling: number | undefined
  /** There was no limit: more rows than `mostIncluded` fail. */
  capped: boolean
}
export interface IncludeCount extends IncludeBase {
  kind: 'count'
}
export interface IncludeExists extends IncludeBase {
  kind: 'exists'
}

/** What comes with each row of a level. */
export type Include = IncludeOne | IncludeMany | IncludeCount | IncludeExists

/**
 * @param fields names of fields; undefined for the visible ones
 * @throws MonoblocError `invalid_query`
 */
export function levelOf(
  plan: ModelPlan,
  fields: readonly string[] | undefined,
  includes: readonly Include[],
  path: readonly (string | number)[] = [],
): ReadLevel {
  const byName = new Map(includes.map((include) => [include.name, include]))
  const outputs: Output[] = []
  for (const name of new Set(fields ?? plan.visible)) {
    const include = byName.get(name)
    byName.delete(name)
    outputs.push(include ? { name, include } : fieldOutput(plan, name, [...path, 'fields']))
  }
  for (const [name, include] of byName) outputs.push({ name, include })
  return { plan, outputs, stored: storedFor(plan, outputs), includes }
}

function fieldOutput(plan: ModelPlan, name: string, path: readonly (string | number)[]): Output {
  const column = plan.columns.get(name)
  if (column) return { name, column }
  const virtual = plan.virtuals.get(name)
  if (virtual) return { name, virtual }
  const allowed = [...plan.visible].join(', ')
  throw badQuery('fields', `can't name "${name}": ${plan.name} has ${allowed}`, path)
}

// A computed field gets the whole row.
function storedFor(plan: ModelPlan, outputs: readonly Output[]): StoredColumn[] {
  if (outputs.some((output) => 'virtual' in output)) return [...plan.columns.values()]
  return outputs.flatMap((output) => ('column' in output ? [output.column] : []))
}

/** The columns of the related rows' parent that an include is found by. */
export function parentColumn(plan: ModelPlan, { via }: Relation): StoredColumn {
  return via.kind === 'ref' ? plan.columns.get(via.field)! : plan.key[0]!
}

/** Everything about a level that shows in its SQL, as text: the shape, without the values. */
export function fieldsShape(fields: readonly string[] | undefined): string {
  return fields === undefined ? '*' : fields.join()
}
