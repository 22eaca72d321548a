import { MonoblocError } from '../errors.ts'
import type { Field } from './field.ts'
import { allOf, anyOf, type Comparison, type Condition, nothing, notThat } from './filter-condition.ts'
import { deepestFilter, groupOperators, operandOf } from './filter-operator.ts'
import { readJson } from './filter-parse-json.ts'
import { readOperand } from './filter-parse-operators.ts'
import { readToMany, readToOne } from './filter-parse-relation.ts'
import { type FilterPath, isPlainObject, listed, Reading, refuseUndefined } from './filter-reading.ts'
import type { AnyModel } from './model.ts'
import { isOwn, type Relation, type Schema } from './schema.ts'

export interface FilterOptions {
  /** The read policy of a model, met wherever the filter crosses into it. Undefined: every row. */
  restrict?: (model: AnyModel) => Condition | undefined
  /** Write-only fields may be used: for the system and for policies, never for what a client sent. */
  secret?: boolean
  /** How many relations may be crossed in a row: what a client may ask a server to join. Default: as deep as filters nest. */
  crossings?: number
  /** Where the filter stands in the input, in front of the path of each violation. */
  path?: FilterPath
}

/**
 * Reads a filter of a model, as code or JSON has it. The empty filter is true, an empty `or` false.
 *
 * Limits: 20 levels, 200 conditions, 1,000 values in a list.
 *
 * @throws MonoblocError `invalid_filter` with every violation and what is allowed instead; `undefined_in_filter`
 */
export function parseFilter(schema: Schema, model: AnyModel, filter: unknown, options: FilterOptions = {}): Condition {
  const reading = new Reading(schema, readFilter, options)
  const path = options.path ?? []
  refuseUndefined(filter, path)
  const condition = readFilter(reading, model, filter, path, 1)
  reading.finish()
  return condition
}

/**
 * Takes `search`, which stands beside a filter at its top level, out of it.
 *
 * @throws MonoblocError `invalid_filter` when it is no string
 */
export function takeSearch(filter: unknown): { search: string | undefined; filter: unknown } {
  if (!isPlainObject(filter) || !Object.hasOwn(filter, 'search')) return { search: undefined, filter }
  const { search, ...rest } = filter
  refuseUndefined(search, ['search'])
  if (typeof search === 'string') return { search, filter: rest }
  throw searchRefused('must be a string of words')
}

function searchRefused(message: string) {
  return new MonoblocError('invalid_filter', { violations: [{ path: ['search'], code: 'invalid_value', message }] })
}

function readFilter(reading: Reading, model: AnyModel, filter: unknown, path: FilterPath, level: number): Condition {
  if (level > deepestFilter) {
    reading.violate(path, 'too_deep', `must not nest deeper than ${deepestFilter} levels`)
    return nothing
  }
  const entries = reading.members(filter, path, `a filter: an object of fields of ${model.name}`)
  if (entries.length === 0) reading.count(path)
  return allOf(entries.map(([name, value]) => readMember(reading, model, name, value, [...path, name], level)))
}

function readMember(
  reading: Reading,
  model: AnyModel,
  name: string,
  value: unknown,
  path: FilterPath,
  level: number,
): Condition {
  if (name === 'and' || name === 'or' || name === 'not') return readGroup(reading, model, name, value, path, level)
  const relation = reading.schema.relation(model, name)
  const field = model.fields.get(name) as Field | undefined
  if (isHidden(reading.secret, relation, field)) {
    reading.violate(path, 'unknown_field', unknownMessage(reading, model, name))
    return nothing
  }
  if (relation?.many) return readToMany(reading, relation, value, path, level)
  if (relation) return readToOne(reading, relation, value, path, level)
  if (field!.kind === 'json') return readJson(reading, name, value, path)
  const operand = operandOf(field!)
  const make = (comparison: Comparison): Condition => ({
    kind: 'compare',
    column: name,
    type: operand.type,
    comparison,
  })
  return readOperand(reading, { ...operand, make }, value, path)
}

/** Unknown, computed, or write-only: none of them can be told from the others. */
function isHidden(secret: boolean, relation: Relation | undefined, field: Field | undefined): boolean {
  if (!relation && !field) return true
  if (field?.kind === 'virtual') return true
  if (secret) return false
  if (field?.options.writeOnly) return true
  return relation !== undefined && !isOwn(relation) && isWriteOnlyInverse(relation)
}

function isWriteOnlyInverse(relation: Relation): boolean {
  return relation.via.kind === 'inverse' && relation.to.fields.get(relation.via.field)!.options.writeOnly
}

function unknownMessage(reading: Reading, model: AnyModel, name: string): string {
  if (name === 'search') return 'must stand at the top level of a query, beside its filter'
  const allowed = filterableNames(reading.schema, model, reading.secret)
  return `is not a field of ${model.name}; allowed: ${listed([...allowed, ...groupOperators])}`
}

/** The fields and relations that a filter of a model may name. */
export function filterableNames(schema: Schema, model: AnyModel, secret = false): string[] {
  const names = new Set([...(model.fields as Map<string, Field>).keys(), ...schema.relations(model).keys()])
  return [...names].filter((name) => !isHidden(secret, schema.relation(model, name), model.fields.get(name)))
}

function readGroup(
  reading: Reading,
  model: AnyModel,
  name: 'and' | 'or' | 'not',
  value: unknown,
  path: FilterPath,
  level: number,
): Condition {
  const alone = !Array.isArray(value)
  const filters: unknown[] = alone ? [value] : [...value]
  // An object with several keys says "all of them", which nobody means by `or`; a list under `not` could say two things.
  if (name === 'or' && isPlainObject(value) && Object.keys(value).length !== 1) {
    if (Object.keys(value).length === 0) return nothing
    reading.violate(path, 'invalid_value', 'must be a list of filters: { or: [{ … }, { … }] }')
    return nothing
  }
  if (name === 'not' && filters.length !== 1) {
    reading.violate(path, 'invalid_value', 'must be one filter: { not: { … } }, { not: { or: [ … ] } }')
    return nothing
  }
  const parts = filters.map((filter, index) => {
    const at = alone ? path : [...path, index]
    refuseUndefined(filter, at)
    return readFilter(reading, model, filter, at, level + 1)
  })
  if (name === 'not') return notThat(allOf(parts))
  return name === 'and' ? allOf(parts) : anyOf(parts)
}
