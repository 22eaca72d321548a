import fc from 'fast-check'
import type { AnyModel, Field, Relation } from '../../src/schema/index.ts'
import { jsonNames, text, valueFor } from './filter-values.ts'
import { jsonOf, keyAt, type World } from './filter-world.ts'

export type FilterObject = Record<string, unknown>

const equality = ['eq', 'ne', 'in', 'nin', 'null'] as const
const order = ['gt', 'gte', 'lt', 'lte', 'between'] as const
const textual = ['contains', 'startsWith', 'endsWith', 'icontains', 'istartsWith', 'iendsWith'] as const
export const textKinds = ['text', 'email', 'url', 'slug']
export const unorderedKinds = ['boolean', 'bytes']
export const jsonTypes = ['string', 'number', 'boolean', 'array', 'object', 'null'] as const
type JsonType = (typeof jsonTypes)[number]

export function operatorsOfKind(kind: string): readonly string[] {
  if (unorderedKinds.includes(kind)) return equality
  return textKinds.includes(kind) ? [...equality, ...order, ...textual] : [...equality, ...order]
}

/** Operators on json, each with the JSON types that it is asked with. */
export function jsonOperators(place: boolean): [string, readonly (JsonType | undefined)[]][] {
  const every: [string, readonly (JsonType | undefined)[]][] = [
    ['eq', jsonTypes],
    ['ne', jsonTypes],
    ['has', ['string', 'number', 'boolean', 'null']],
    ...['in', 'nin', 'null', 'length'].map((operator): [string, undefined[]] => [operator, [undefined]]),
  ]
  if (!place) return every
  const ordered = ['gt', 'gte', 'lt', 'lte'].map((operator): [string, JsonType[]] => [operator, ['string', 'number']])
  const rest = ['between', ...textual].map((operator): [string, undefined[]] => [operator, [undefined]])
  return [...every, ...ordered, ...rest]
}

const targets = new WeakMap<AnyModel, fc.Arbitrary<FilterObject>[]>()

/** Every comparison that can be asked of a model's own columns, and of its relations' other side. */
export function targetsOf(world: World, model: AnyModel): fc.Arbitrary<FilterObject>[] {
  const known = targets.get(model) ?? makeTargets(world, model)
  targets.set(model, known)
  return known
}

function makeTargets(world: World, model: AnyModel): fc.Arbitrary<FilterObject>[] {
  const own = columnTargets(world, model)
  const relations = [...world.schema.relations(model).values()]
  return [
    ...own,
    ...relations.flatMap((relation) => [
      ...relationTargets(world, relation),
      ...columnTargets(world, relation.to).map((inner) => across(relation, inner)),
    ]),
  ]
}

function across(relation: Relation, inner: fc.Arbitrary<FilterObject>): fc.Arbitrary<FilterObject> {
  if (!relation.many) return inner.map((filter) => ({ [relation.name]: filter }))
  const quantity = fc.constantFrom('some', 'every', 'none')
  return fc.tuple(quantity, inner).map(([name, filter]) => ({ [relation.name]: { [name]: filter } }))
}

function columnTargets(world: World, model: AnyModel): fc.Arbitrary<FilterObject>[] {
  return [...(model.fields as Map<string, Field>)].flatMap(([name, field]) => {
    if (field.kind === 'manyToMany') return []
    const put = (inner: fc.Arbitrary<unknown>) => inner.map((value): FilterObject => ({ [name]: value }))
    if (field.kind === 'json') return jsonTargets(world, model, name).map(put)
    return operatorsOfKind(field.kind).map((operator) => put(operand(held(world, model, name), operator)))
  })
}

interface Held {
  field: Field
  values: fc.Arbitrary<unknown>
  /** Values that rows have, so that comparisons are near what decides them. */
  known: unknown[]
}

function held(world: World, model: AnyModel, name: string): Held {
  const field = model.fields.get(name) as Field
  const known = world.rows
    .get(model.name)!
    .map((row) => row[name])
    .filter((value) => value !== null)
  const fresh = field.kind === 'ref' ? key(field.options.target as AnyModel) : valueFor(field)
  return {
    field,
    values: known.length ? fc.oneof({ weight: 2, arbitrary: fc.constantFrom(...known) }, fresh) : fresh,
    known,
  }
}

function key(model: AnyModel): fc.Arbitrary<unknown> {
  return fc.integer({ min: 1, max: 12 }).map((at) => keyAt(model, at))
}

/** An object of one operator, or the bare value where that says the same. */
function operand({ field, values, known }: Held, operator: string): fc.Arbitrary<unknown> {
  const formed = fc.tuple(values, fc.boolean()).map(([value, asJson]) => (asJson ? jsonOf(field, value) : value))
  const orNull = fc.oneof({ weight: 9, arbitrary: formed }, { weight: 1, arbitrary: fc.constant(null) })
  const against = {
    null: fc.boolean(),
    in: fc.array(orNull, { maxLength: 4 }),
    nin: fc.array(orNull, { maxLength: 4 }),
    between: fc.tuple(formed, formed),
    eq: orNull,
    ne: orNull,
  }[operator]
  const value = against ?? (textual.includes(operator as never) ? part(known as string[]) : orNull)
  const bare = fc.tuple(value, fc.boolean())
  return bare.map(([inner, isBare]) => (isBare && operator === 'eq' ? inner : { [operator]: inner }))
}

/** A text, often a piece of one that a row has, sometimes in another case. */
function part(known: readonly string[]): fc.Arbitrary<string> {
  if (known.length === 0) return text
  const piece = fc.tuple(fc.constantFrom(...known), fc.nat(3), fc.nat(3), fc.nat(2)).map(([whole, from, to, cased]) => {
    const points = Array.from(whole)
    const cut = points.slice(Math.min(from, points.length), points.length - Math.min(to, points.length)).join('')
    return [cut, cut.toUpperCase(), cut.toLowerCase()][cased]!
  })
  return fc.oneof({ weight: 3, arbitrary: piece }, text)
}

function stepOf(name: string): string {
  return name === '' || /[\s'.]/.test(name) ? `"${name}"` : name
}

const steps = [...jsonNames.map(stepOf), '[0]', '[1]', '""']
const anyPlace = fc.array(fc.constantFrom(...steps), { minLength: 1, maxLength: 2 }).map(joined)

function joined(names: readonly string[]): string {
  return names.reduce((path, name) => path + (path && !name.startsWith('[') ? '.' : '') + name, '')
}

/** The places that a document has, its own aside, with what stands there. */
function placesOf(value: unknown, above: readonly string[] = []): [string, unknown][] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([name, member]) => {
    const path = [...above, Array.isArray(value) ? `[${name}]` : stepOf(name)]
    return [[joined(path), member] as [string, unknown], ...placesOf(member, path)]
  })
}

function jsonTargets(world: World, model: AnyModel, name: string): fc.Arbitrary<unknown>[] {
  const documents = world.rows.get(model.name)!.map((row) => row[name])
  const places = documents.flatMap((document) => placesOf(document))
  const known = [...documents, ...places.map(([, value]) => value), ...scalars]
  const operands = (place: boolean, values: unknown[]) =>
    jsonOperators(place).flatMap(([operator, types]) =>
      types.map((type) => [operator, type, jsonOperand(operator, values, type)] as const),
    )
  const there = operands(true, known).flatMap(([operator, type, any]) => {
    const elsewhere = fc.tuple(anyPlace, any)
    // Near what stands at a place, which a comparison drawn from anywhere would seldom meet.
    const fitting = places.filter(([, value]) => isNear(operator, type, value))
    if (fitting.length === 0) return [elsewhere.map(atPlace)]
    const here = fc.constantFrom(...fitting)
    const near = here.chain(([path, value]) =>
      jsonOperand(operator, nearValues(operator, type, value), type).map((inner) => [path, inner] as [string, unknown]),
    )
    const beside = here.chain(([path]) => any.map((inner) => [path, inner] as [string, unknown]))
    const mixed = fc.oneof(
      { weight: 3, arbitrary: near },
      { weight: 2, arbitrary: beside },
      { weight: 1, arbitrary: elsewhere },
    )
    return Array.from({ length: drawsOf(operator) }, () => mixed.map(atPlace))
  })
  return [...operands(false, known).map(([, , any]) => any), ...there]
}

// Pieces of text and lengths have more ways to differ than one draw finds.
function drawsOf(operator: string): number {
  return operator === 'length' || textual.includes(operator as never) ? 8 : 1
}

function atPlace([path, inner]: [string, unknown]): unknown {
  return { path: { [path]: inner } }
}

function nearValues(operator: string, type: JsonType | undefined, value: unknown): unknown[] {
  if (type === 'null') return [null]
  return operator === 'has' ? (value as unknown[]) : [value]
}

function isNear(operator: string, type: JsonType | undefined, value: unknown): boolean {
  if (operator === 'length') return Array.isArray(value)
  if (operator === 'has') return Array.isArray(value) && value.some((member) => jsonTypeOf(member) === type)
  if (textual.includes(operator as never)) return typeof value === 'string'
  if (operator === 'between') return typeof value === 'string' || typeof value === 'number'
  return type === undefined || type === 'null' || jsonTypeOf(value) === type
}

const scalars = ['a', '', 'É', 0, 1, -1.5, 2 ** 60, true, false, null, [], {}, [1], { a: 1 }, '\uffff', '\u{10000}']

function jsonTypeOf(value: unknown): JsonType {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : (typeof value as JsonType)
}

function jsonOperand(operator: string, known: unknown[], type: JsonType | undefined): fc.Arbitrary<unknown> {
  const ofType = (wanted: readonly JsonType[]) =>
    fc.constantFrom(...known.filter((value) => wanted.includes(jsonTypeOf(value))))
  const put = (value: fc.Arbitrary<unknown>) => value.map((against) => ({ [operator]: against }))
  if (operator === 'null') return put(fc.boolean())
  if (operator === 'in' || operator === 'nin') return put(fc.array(fc.constantFrom(...known), { maxLength: 4 }))
  if (operator === 'between') {
    const pairs = (['string', 'number'] as const)
      .filter((wanted) => known.some((value) => jsonTypeOf(value) === wanted))
      .map((wanted) => fc.tuple(ofType([wanted]), ofType([wanted])))
    return put(fc.oneof(...pairs))
  }
  if (operator === 'length') {
    const small = fc.integer({ min: 0, max: 3 })
    const compared = fc.tuple(fc.constantFrom('eq', 'ne', 'gt', 'gte', 'lt', 'lte'), small)
    return put(
      fc.oneof(
        small,
        compared.map(([name, value]) => ({ [name]: value })),
        fc.boolean().map((value) => ({ null: value })),
      ),
    )
  }
  if (type) return put(ofType([type]))
  return put(part(known.filter((value) => typeof value === 'string')))
}

/** What a relation itself can be asked: keys, rows, quantities, counts. */
function relationTargets(world: World, relation: Relation): fc.Arbitrary<FilterObject>[] {
  const put = (inner: fc.Arbitrary<unknown>) => inner.map((value): FilterObject => ({ [relation.name]: value }))
  if (!relation.many) {
    const byKey = relation.via.kind === 'ref' ? [] : equality
    const values = held(world, relation.to, 'id')
    return [put(fc.constantFrom({}, null)), ...byKey.map((operator) => put(operand(values, operator)))]
  }
  const small = fc.integer({ min: 0, max: 4 })
  const counts = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte'].map((operator) =>
    small.map((value) => ({ count: { [operator]: value } })),
  )
  const lists = ['in', 'nin'].map((operator) =>
    fc.array(small, { maxLength: 3 }).map((value) => ({ count: { [operator]: value } })),
  )
  const between = fc.tuple(small, small).map((value) => ({ count: { between: value } }))
  const quantities = fc.constantFrom('some', 'every', 'none').map((quantity) => ({ [quantity]: {} }))
  return [...counts, ...lists, between, small.map((count) => ({ count })), quantities].map(put)
}

/** Comparisons of every sort joined by `and`, `or`, `not` and relations, up to five levels deep. */
export function deepFilter(world: World, model: AnyModel, depth = 4): fc.Arbitrary<FilterObject> {
  const leaves = targetsOf(world, model)
  const leaf = fc.nat(leaves.length - 1).chain((at) => leaves[at]!)
  if (depth === 0) return leaf
  const inner = fc.constant(null).chain(() => deepFilter(world, model, depth - 1))
  const relations = [...world.schema.relations(model).values()]
  const crossed = fc
    .constantFrom(...relations)
    .chain((relation) => across(relation, deepFilter(world, relation.to, Math.min(depth - 1, 1))))
  const filters = fc.array(inner, { maxLength: 3 })
  return fc.oneof(
    { weight: 3, arbitrary: leaf },
    { weight: 2, arbitrary: crossed },
    { weight: 2, arbitrary: filters.map((and) => ({ and })) },
    { weight: 2, arbitrary: filters.map((or) => ({ or })) },
    { weight: 2, arbitrary: inner.map((not) => ({ not })) },
    { weight: 1, arbitrary: fc.tuple(inner, leaf).map(([a, b]) => ({ ...a, ...b })) },
  )
}
