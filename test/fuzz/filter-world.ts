import fc from 'fast-check'
import {
  type AnyModel,
  type Field,
  isStored,
  kindOf,
  type MatchedRow,
  model,
  type RelatedRows,
  type Relation,
  Schema,
  t,
} from '../../src/schema/index.ts'
import { enumValues, uuid, valueFor } from './filter-values.ts'

/** Random models and rows of them: what one seed's filters are asked of. */
export interface World {
  schema: Schema
  /** By model, in the order of their keys. */
  rows: Map<string, Record<string, unknown>[]>
  /** By link table: pairs of keys, near and far. */
  links: Map<string, [unknown, unknown][]>
}

const modelNames = ['one', 'two', 'three'] as const
const rowsOfModel = 10

const plainKinds = {
  text: () => t.text(),
  email: () => t.email(),
  url: () => t.url(),
  slug: () => t.slug(),
  integer: () => t.integer(),
  bigint: () => t.bigint(),
  float: () => t.float(),
  boolean: () => t.boolean(),
  date: () => t.date(),
  timestamp: () => t.timestamp(),
  enum: () => t.enum(...enumValues),
  json: () => t.json(),
  bytes: () => t.bytes(),
} as const

type Draw = <T>(arbitrary: fc.Arbitrary<T>) => T

/** Draws single values one after another from one seed. */
function drawing(seed: number): Draw {
  let drawn = 0
  return (arbitrary) => fc.sample(arbitrary, { seed: (seed * 7919 + drawn++) | 0, numRuns: 1 })[0]!
}

export function makeWorld(seed: number): World {
  const draw = drawing(seed)
  const models: AnyModel[] = []
  for (const name of modelNames.slice(0, draw(fc.integer({ min: 2, max: 3 }))))
    models.push(drawModel(draw, name, () => models))
  const schema = new Schema(models)
  const world: World = { schema, rows: new Map(), links: new Map() }
  for (const each of models) world.rows.set(each.name, [])
  // References may point forward, to rows and models that come later, so keys are known before rows are.
  for (const each of models) {
    for (let at = 1; at <= rowsOfModel; at++) world.rows.get(each.name)!.push(drawRow(draw, each, at))
  }
  for (const each of models) drawLinks(draw, world, each)
  return world
}

function drawModel(draw: Draw, name: string, models: () => AnyModel[]): AnyModel {
  const shape: Record<string, unknown> = { id: draw(fc.boolean()) ? t.id() : t.serial() }
  const isNullable = () => draw(fc.integer({ min: 0, max: 9 })) < 6
  const add = (key: string, field: { nullable(): unknown }) => {
    shape[key] = isNullable() ? field.nullable() : field
  }
  for (const [kind, make] of Object.entries(plainKinds)) {
    if (draw(fc.integer({ min: 0, max: 9 })) < 9) add(`${kind}Field`, make())
  }
  const precision = draw(fc.integer({ min: 1, max: 18 }))
  add('decimalField', t.decimal(precision, draw(fc.integer({ min: 0, max: precision }))))
  const target = (at: number) => models()[at % models().length]!
  // Each model has one of every relation; where it leads is drawn, to itself too.
  const [ref, unique, many] = draw(fc.tuple(fc.nat(5), fc.nat(5), fc.nat(5)))
  const nullableRef = isNullable()
  const nullableUnique = isNullable()
  getter(shape, 'parent', () => maybeNullable(t.ref(target(ref), { inverse: `${name}Children` }), nullableRef))
  getter(shape, 'single', () =>
    maybeNullable(t.ref(target(unique), { inverse: `${name}Single` }).unique(), nullableUnique),
  )
  getter(shape, 'links', () => t.manyToMany(target(many), { inverse: `${name}Linked` }))
  if (draw(fc.boolean())) shape.deletedAt = t.deletedAt()
  return model(name, shape)
}

function getter(shape: Record<string, unknown>, name: string, get: () => unknown): void {
  Object.defineProperty(shape, name, { get, enumerable: true })
}

function maybeNullable(field: { nullable(): unknown }, nullable: boolean): unknown {
  return nullable ? field.nullable() : field
}

export function keyAt(each: AnyModel, at: number): unknown {
  return each.fields.get('id')!.kind === 'serial' ? at : uuid(at)
}

function drawRow(draw: Draw, each: AnyModel, at: number): Record<string, unknown> {
  const row: Record<string, unknown> = {}
  for (const [name, field] of each.fields as Map<string, Field>) {
    if (!isStored(field)) continue
    const target = field.options.target as AnyModel
    if (name === 'id') row[name] = keyAt(each, at)
    // Few are deleted, so that relations still lead to rows.
    else if (name === 'deletedAt' && draw(fc.integer({ min: 0, max: 9 })) < 7) row[name] = null
    else if (name !== 'deletedAt' && field.options.nullable && draw(fc.integer({ min: 0, max: 9 })) < 4)
      row[name] = null
    // A one-to-one reference must not repeat: row 1 refers to row 3, row 2 to row 6, and so on around.
    else if (name === 'single') row[name] = keyAt(target, ((at * 3) % rowsOfModel) + 1)
    else if (field.kind === 'ref') row[name] = keyAt(target, draw(fc.integer({ min: 1, max: rowsOfModel })))
    else row[name] = draw(valueFor(field))
  }
  return row
}

function drawLinks(draw: Draw, world: World, each: AnyModel): void {
  const relation = world.schema.relation(each, 'links')!
  if (relation.via.kind !== 'link') throw new Error('not a link')
  const pairs = new Map<string, [unknown, unknown]>()
  const some = fc.array(fc.tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: rowsOfModel })), {
    maxLength: 14,
  })
  for (const [near, far] of draw(some)) pairs.set(`${near} ${far}`, [keyAt(each, near), keyAt(relation.to, far)])
  world.links.set(relation.via.table, [...pairs.values()])
}

/** The rows that a relation leads to, looked up the slow way. */
export function relatedIn(world: World, rowsOf: (model: string) => readonly MatchedRow[]): RelatedRows {
  return (relation: Relation, row: MatchedRow) => {
    const { via, to } = relation
    const others = rowsOf(to.name)
    if (via.kind === 'ref') return others.filter((other) => row[via.field] !== null && other.id === row[via.field])
    if (via.kind === 'inverse') return others.filter((other) => other[via.field] === row.id)
    // The table keeps pairs in the direction of the model that declared the link.
    const forward = relation.from.fields.has(relation.name)
    const pairs = world.links.get(via.table)!.filter(([near, far]) => (forward ? near : far) === row.id)
    const keys = new Set(pairs.map(([near, far]) => (forward ? far : near)))
    return others.filter((other) => keys.has(other.id))
  }
}

/** A row as JSON has it: what the commit log keeps and clients get. */
export function rowAsJson(each: AnyModel, row: Record<string, unknown>): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(row)) result[name] = jsonOf(each.fields.get(name)!, value)
  return JSON.parse(JSON.stringify(result))
}

export function jsonOf(field: Field, value: unknown): unknown {
  const { toJson } = kindOf(field)
  return value === null || !toJson ? value : toJson(value as never)
}
