import fc from 'fast-check'
import { type AnyModel, type Field, type FieldKind, valueField } from '../../src/schema/index.ts'
import { Comment, Like, Note, notes, Report, Sealed, Tag, User } from '../conformance/unit-fixture.ts'
import { at, key } from './secrecy-world.ts'

const { schema } = notes()
const models: AnyModel[] = [User, Tag, Note, Comment, Like, Sealed, Report]
const keys = [1, 2, 3, 11, 12, 13, 14, 21, 22, 23, 24, 25, 99].map(key)
const wrong = fc.constantFrom<unknown>('a', 1, true, null, key(1))

/** Mostly what fields of this kind hold. */
function heldBy(field: Field): fc.Arbitrary<unknown> {
  const kind = valueField(field).kind
  const right: Partial<Record<FieldKind, readonly unknown[]>> = {
    id: keys,
    text: ['a', 'b', 'c', 'x', 'y', 'z', 'a b', '', 'ann', 'bob'],
    enum: ['member', 'admin'],
    boolean: [true, false],
    timestamp: [at.toISOString(), '2026-01-01T00:00:00Z'],
  }
  const values = fc.constantFrom<unknown>(...(right[kind] ?? [0, 1, 2, 3, 4, 5, 7, 9]))
  return fc.oneof({ weight: 15, arbitrary: values }, { weight: 1, arbitrary: wrong })
}

function operandOf(field: Field): fc.Arbitrary<unknown> {
  const value = heldBy(field)
  const ordered = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte']
  const texts = valueField(field).kind === 'text' ? ['startsWith', 'contains', 'icontains', 'endsWith'] : []
  const operators = fc.constantFrom(...(valueField(field).kind === 'boolean' ? ['eq', 'ne'] : [...ordered, ...texts]))
  return fc.oneof(
    value,
    fc.tuple(operators, value).map(([operator, one]) => ({ [operator]: one })),
    fc.array(value, { maxLength: 3 }).map((list) => ({ in: list })),
    fc.boolean().map((isNull) => ({ null: isNull })),
  )
}

/** Mostly names that a user may name; secret ones and those that there are not among them. */
function nameOf(model: AnyModel, also: readonly string[] = []): fc.Arbitrary<string> {
  const fields = [...(model.fields as Map<string, Field>)].filter(([, { kind }]) => kind !== 'manyToMany')
  const visible = fields
    .filter(([, { options, kind }]) => !options.writeOnly && kind !== 'virtual')
    .map(([name]) => name)
  const every = [...fields.map(([name]) => name), ...schema.relations(model).keys(), 'nothing']
  return fc.oneof(
    { weight: 15, arbitrary: fc.constantFrom(...visible, ...also) },
    { weight: 1, arbitrary: fc.constantFrom(...every) },
  )
}

function filterOf(model: AnyModel, depth: number): fc.Arbitrary<unknown> {
  const relations = [...schema.relations(model).keys()].filter((name) => name !== 'mentor' && name !== 'mentored')
  const member = nameOf(model, depth === 0 ? [] : relations).chain((name): fc.Arbitrary<unknown> => {
    const relation = schema.relation(model, name)
    const field = model.fields.get(name) as Field | undefined
    if (!relation)
      return (field && field.kind !== 'virtual' ? operandOf(field) : wrong).map((value) => ({ [name]: value }))
    const count = fc
      .tuple(fc.constantFrom('eq', 'gte', 'lt'), fc.integer({ min: 0, max: 3 }))
      .map(([operator, number]) => ({ count: { [operator]: number } }))
    const key = relation.to.fields.get(relation.to.key[0]!) as Field
    if (depth === 0) return (relation.many ? count : operandOf(key)).map((value) => ({ [name]: value }))
    const inner = filterOf(relation.to, depth - 1)
    const some = fc
      .tuple(fc.constantFrom('some', 'every', 'none'), inner)
      .map(([quantity, where]) => ({ [quantity]: where }))
    return (relation.many ? fc.oneof(some, count) : fc.oneof(inner, operandOf(key))).map((value) => ({ [name]: value }))
  })
  if (depth === 0) return member
  const deeper = filterOf(model, depth - 1)
  return fc.oneof(
    { weight: 4, arbitrary: member },
    { weight: 1, arbitrary: deeper.map((not) => ({ not })) },
    { weight: 1, arbitrary: fc.array(deeper, { maxLength: 3 }).map((or) => ({ or })) },
    { weight: 1, arbitrary: fc.array(deeper, { maxLength: 3 }).map((and) => ({ and })) },
  )
}

function includeOf(model: AnyModel, depth: number): fc.Arbitrary<Record<string, unknown>> {
  const relations = [...schema.relations(model).values()]
  if (relations.length === 0 || depth === 0) return fc.constant({})
  return fc.constantFrom(...relations).chain((relation) => {
    const where = filterOf(relation.to, 1)
    const rows = includeOf(relation.to, depth - 1).chain((include) =>
      fc.record(
        { where, include: fc.constant(include), ...(relation.many && { limit: fc.constant(2) }) },
        { requiredKeys: [] },
      ),
    )
    const whole = rows.map((options) => ({ [relation.name]: options }))
    const computed = fc
      .tuple(fc.constantFrom('count', 'exists'), fc.option(where, { nil: undefined }))
      .map(([kind, filter]) => ({ n: { [kind]: relation.name, ...(filter !== undefined && { where: filter }) } }))
    return fc.oneof(whole, computed)
  })
}

function optionsOf(model: AnyModel): fc.Arbitrary<Record<string, unknown>> {
  const fields = fc.array(nameOf(model), { minLength: 1, maxLength: 3 })
  const sort = fc.tuple(fc.constantFrom('', '-'), nameOf(model)).map((parts) => parts.join(''))
  const all = {
    where: filterOf(model, 2),
    include: includeOf(model, 3),
    fields,
    sort,
    limit: fc.integer({ min: 1, max: 2 }),
  }
  return fc.record(all, { requiredKeys: [] })
}

export type Ask = (db: any) => Promise<unknown>

/** Whatever somebody can ask, and try to change. */
export const asked: fc.Arbitrary<{ text: string; ask: Ask }> = fc
  .constantFrom(...models, Note, Note, User, Comment, Like)
  .chain((model) => {
    const options = optionsOf(model)
    const filter = filterOf(model, 2)
    const patch = nameOf(model).chain((name) => {
      const field = model.fields.get(name) as Field | undefined
      return (field && field.kind !== 'virtual' ? heldBy(field) : wrong).map((value) => ({ [name]: value }))
    })
    const some = fc.constantFrom<unknown>(
      ...keys,
      1,
      2,
      3,
      4,
      { user: key(1), note: key(24) },
      { user: key(2), note: key(24) },
    )
    const lists = fc.array(nameOf(model), { minLength: 1, maxLength: 2 })
    const say = (verb: string, ...given: unknown[]) => ({
      text: `${verb} ${model.name} ${JSON.stringify(given)}`,
      ask: (db: any) => db[verb](model, ...given),
    })
    return fc.oneof(
      { weight: 6, arbitrary: options.map((one) => say('find', one)) },
      { weight: 2, arbitrary: options.map((one) => say('first', one)) },
      {
        weight: 2,
        arbitrary: fc.tuple(some, options).map(([one, { where, sort, limit, ...rest }]) => say('get', one, rest)),
      },
      { weight: 3, arbitrary: filter.map((where) => say('count', { where })) },
      {
        weight: 2,
        arbitrary: fc
          .tuple(filter, lists, lists)
          .map(([where, by, max]) => say('aggregate', { where, by, max, count: true })),
      },
      { weight: 1, arbitrary: fc.constantFrom('a', 'b', 'z').map((word) => say('search', word, { highlight: true })) },
      { weight: 2, arbitrary: fc.tuple(filter, patch).map(([where, change]) => say('update', { where }, change)) },
      { weight: 2, arbitrary: fc.tuple(some, patch).map(([one, change]) => say('update', one, change)) },
      { weight: 1, arbitrary: filter.map((where) => say('delete', { where })) },
      { weight: 2, arbitrary: some.map((one) => say('delete', one)) },
      {
        weight: 2,
        arbitrary: fc
          .constantFrom(...keys)
          .map((note) =>
            say('insert', model === Comment ? { id: 9, text: 'x', note, author: key(1) } : { user: key(1), note }),
          ),
      },
      { weight: 1, arbitrary: fc.constantFrom(...keys).map((tag) => say('update', key(21), { tags: { add: [tag] } })) },
    )
  })
