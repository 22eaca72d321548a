import { allOf, type Condition, parseFilter, type Relation } from '../../schema/index.ts'
import type { SqlValue } from '../storage.ts'
import { shapeOf, valuesOf } from './filter-sql-values.ts'
import { badQuery, type ModelPlan, type ModelPlans } from './model-plan.ts'
import type { IncludedCount, IncludedExists, IncludedRelation, IncludedRows, Includes, Restrict } from './query.ts'
import { fieldsShape, type Include, levelOf, type PlacedCondition, type ReadLevel } from './read-level.ts'
import { sortingOf } from './sorting.ts'

// Each level nests a subquery in the last: five are deeper than any screen shows.
const deepest = 5
// Each include is a subquery for every row: twenty keep a page of 100 rows at some thousands of index lookups.
const mostIncludes = 20
/** Rows that a list without a limit may have for each parent. */
export const mostIncluded = 1000

const aliasPattern = /^[A-Za-z][A-Za-z0-9_]{0,57}$/

type Path = readonly (string | number)[]

/**
 * What a query asks for, read into the shape of a template and the values of this call: `key` is the same for all calls
 * whose SQL is the same.
 */
export class Asked {
  key: string
  readonly values: SqlValue[] = []
  readonly plans: ModelPlans
  readonly restrict: Restrict | undefined
  #includes = 0

  constructor(plans: ModelPlans, key: string, restrict: Restrict | undefined) {
    this.plans = plans
    this.key = key
    this.restrict = restrict
  }

  value(value: SqlValue): number {
    return this.values.push(value) - 1
  }

  /** Undefined where every row matches. */
  condition(condition: Condition | undefined): PlacedCondition | undefined {
    if (condition === undefined || (condition.kind === 'constant' && condition.value)) return undefined
    const at = this.values.length
    this.key += `?${shapeOf(condition)}`
    for (const value of valuesOf(this.plans.dialect, condition)) this.values.push(value)
    return { condition, at }
  }

  /** The condition of the rows of a model that are asked for: deleted ones only where that is said. */
  rows({ live }: ModelPlan, where: Condition | undefined, withDeleted = false): PlacedCondition | undefined {
    if (live === undefined || withDeleted) return this.condition(where)
    return this.condition(where ? allOf([where, live]) : live)
  }

  /** @throws MonoblocError `invalid_query`, `invalid_filter` */
  includes(plan: ModelPlan, includes: Includes | undefined, path: Path, depth: number): Include[] {
    if (includes === undefined) return []
    if (depth > deepest) throw badQuery('include', `must not nest deeper than ${deepest} levels`, path)
    const found: Include[] = []
    for (const name of Object.keys(includes)) {
      if (++this.#includes > mostIncludes)
        throw badQuery('include', `must not have more than ${mostIncludes} parts`, path)
      const given = includes[name]
      this.key += `+${name}`
      found.push(this.#include(plan, name, given === true ? {} : given, [...path, name], depth))
    }
    return found
  }

  #include(plan: ModelPlan, name: string, given: unknown, path: Path, depth: number): Include {
    if (typeof given !== 'object' || given === null) throw badQuery('include', 'must be true or an object', path)
    if ('count' in given) return this.#computed(plan, 'count', name, (given as IncludedCount).count, given, path)
    if ('exists' in given) return this.#computed(plan, 'exists', name, (given as IncludedExists).exists, given, path)
    const relation = relationOf(plan, name, path)
    const { sort, limit, fields, include, withDeleted } = only(
      given,
      ['where', 'sort', 'limit', 'fields', 'include', 'withDeleted'],
      path,
    ) as IncludedRelation
    const target = this.plans.of(relation.to)
    this.key += `(${fieldsShape(fields)}`
    const includes = this.includes(target, include, [...path, 'include'], depth + 1)
    const placed = this.#where(target, given, path)
    // Worked out where the shape is not known yet, as it mostly is.
    let known: ReadLevel | undefined
    const level = () => {
      known ??= levelOf(target, fields, includes, path)
      return known
    }
    if (!relation.many) {
      if (sort !== undefined || limit !== undefined)
        throw badQuery('include', 'leads to one row: no sort, no limit', path)
      this.key += ')'
      const latest = relation.via.kind === 'inverse' && target.deletedAt !== undefined && withDeleted === true
      return {
        kind: 'one',
        name,
        relation,
        where: placed,
        latest,
        get level() {
          return level()
        },
      }
    }
    const sorting = sortingOf(target, sort, [...path, 'sort'])
    const capped = limit === undefined
    const most = capped ? mostIncluded + 1 : positive('limit', limit, [...path, 'limit'])
    const ceiling = this.plans.engine.ceilingOf?.(most)
    this.key += `^${sorting.id}${capped ? '!' : ''}${ceiling ?? ''})`
    const limitAt = this.value(most)
    return {
      kind: 'many',
      name,
      relation,
      where: placed,
      sorting,
      limitAt,
      ceiling,
      capped,
      get level() {
        return level()
      },
    }
  }

  #computed(plan: ModelPlan, kind: 'count' | 'exists', name: string, of: unknown, given: object, path: Path): Include {
    only(given, [kind, 'where', 'withDeleted'], path)
    if (typeof of !== 'string')
      throw badQuery('include', `must ${kind === 'count' ? 'count' : 'ask for'} a relation`, path)
    const relation = relationOf(plan, of, path)
    const isField = plan.columns.has(name) || plan.virtuals.has(name)
    if (!aliasPattern.test(name) || (isField && name !== of)) {
      throw badQuery(
        'include',
        `"${name}" can't be a name here: a letter, then letters, digits and _, and no field`,
        path,
      )
    }
    this.key += `=${kind}.${of}(`
    const placed = this.#where(this.plans.of(relation.to), given, path)
    this.key += ')'
    return { kind, name, relation, where: placed }
  }

  #where(plan: ModelPlan, given: IncludedRows, path: Path): PlacedCondition | undefined {
    const { where, withDeleted } = given
    const { restrict } = this
    const rule = restrict?.(plan.model)
    if (where === undefined) return this.rows(plan, rule, withDeleted)
    const own = parseFilter(this.plans.schema, plan.model, where, {
      ...(restrict ? { restrict } : { secret: true }),
      path: [...path, 'where'],
    })
    return this.rows(plan, rule ? allOf([rule, own]) : own, withDeleted)
  }
}

function relationOf(plan: ModelPlan, name: string, path: Path): Relation {
  const relation = plan.relations.get(name)
  if (relation) return relation
  const allowed = [...plan.relations.keys()].join(', ') || 'nothing'
  throw badQuery('include', `can't name "${name}": ${plan.name} leads to ${allowed}`, path)
}

function only(given: object, allowed: readonly string[], path: Path): object {
  const unknown = Object.keys(given).find((name) => !allowed.includes(name))
  if (unknown === undefined) return given
  throw badQuery('include', `has no option "${unknown}": ${allowed.join(', ')}`, [...path, unknown])
}

/** @throws MonoblocError `invalid_query` unless it is a whole number from 1 */
export function positive(option: string, value: unknown, path: Path = [option]): number {
  if (Number.isSafeInteger(value) && (value as number) >= 1) return value as number
  throw badQuery(option, 'must be a whole number from 1', path)
}
