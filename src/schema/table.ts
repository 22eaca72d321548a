import { deletionOf } from './deletion.ts'
import type { Field, FieldOptions, OnDelete } from './field.ts'
import { indexName } from './index-name.ts'
import type { ColumnType } from './kind.ts'
import { kindOf, valueField } from './kinds.ts'
import type { AnyModel, IndexOptions } from './model.ts'
import type { Relation } from './schema.ts'

/** A table as every engine makes it. Names are those of the model and its fields, unchanged. */
export interface TableSpec {
  name: string
  /** The model whose rows it holds; undefined for a link table. */
  model: AnyModel | undefined
  columns: ColumnSpec[]
  key: string[]
  indexes: IndexSpec[]
  references: ReferenceSpec[]
  /** Filters over own columns, each a CHECK. One with a `field` is about that field's values, of which null is none. */
  checks: { name: string; field?: string; filter: Record<string, unknown> }[]
  /** Columns of the full-text index; empty without one. */
  search: string[]
  /** The table's name before, where the models say so. */
  renamedFrom?: string
  /** Changes go into the commit log. False for Monobloc's own records, which nobody follows. */
  logged: boolean
}

export interface ColumnSpec {
  name: string
  type: ColumnType
  nullable: boolean
  default: { value: unknown } | undefined
  /** Left out of the commit log. */
  secret: boolean
  /** The column's name before, where the model says so. */
  renamedFrom?: string
  /** Set by Monobloc itself: what rows that are there already get. */
  automatic?: FieldOptions['automatic']
}

/** `fields` may reach into a json column with dots: `data.address.city`. */
export interface IndexSpec {
  name: string
  fields: string[]
  unique: boolean
  where: Record<string, unknown> | undefined
}

export interface ReferenceSpec {
  column: string
  table: string
  to: string
  onDelete: OnDelete
}

export function modelTable(model: AnyModel, logged = true): TableSpec {
  const fields = [...(model.fields as Map<string, Field>)].filter(([, field]) => isStored(field))
  return {
    name: model.name,
    model,
    columns: fields.map(([name, field]) => columnOf(name, field)),
    key: [...model.key],
    indexes: indexesOf(model, fields),
    references: fields.filter(([, field]) => field.kind === 'ref').map(([name, field]) => referenceOf(name, field)),
    checks: checksOf(model, fields),
    search: [...(model.options.search ?? [])],
    renamedFrom: model.options.renamedFrom,
    logged,
  }
}

export function linkTable(relation: Relation): TableSpec {
  if (relation.via.kind !== 'link') throw new Error('only a link has a table')
  const { table, near, far } = relation.via
  const { from, to, name } = relation
  const before = (model: AnyModel): string => model.options.renamedFrom ?? model.name
  const fieldBefore = (from.fields.get(name) as Field).options.renamedFrom ?? name
  const column = (name: string, target: AnyModel, renamedFrom: string): ColumnSpec => {
    const key = target.fields.get(target.key[0]!) as Field
    const type = heldType(key)
    return {
      name,
      type: type.type === 'serial' ? { type: 'integer' } : type,
      nullable: false,
      default: undefined,
      secret: false,
      renamedFrom,
    }
  }
  const reference = (name: string, target: AnyModel): ReferenceSpec => ({
    column: name,
    table: target.name,
    to: target.key[0]!,
    onDelete: 'cascade',
  })
  return {
    name: table,
    model: undefined,
    columns: [
      column(near, from, before(from)),
      column(far, to, to === from ? `${before(to)}_${fieldBefore}` : before(to)),
    ],
    key: [near, far],
    indexes: [{ name: indexName(table, [far], 'index'), fields: [far, near], unique: false, where: undefined }],
    references: [reference(near, from), reference(far, to)],
    checks: [],
    search: [],
    renamedFrom: `${before(from)}_${fieldBefore}`,
    logged: true,
  }
}

export function isStored(field: Field): boolean {
  return field.kind !== 'manyToMany' && field.kind !== 'virtual'
}

function columnOf(name: string, field: Field): ColumnSpec {
  const { nullable, default: given, writeOnly, renamedFrom, automatic } = field.options
  return {
    name,
    type: heldType(field),
    nullable,
    default: given && 'value' in given ? given : undefined,
    secret: writeOnly,
    renamedFrom,
    automatic,
  }
}

// A column that refers to a serial key holds a whole number but does not count by itself.
function heldType(field: Field): ColumnType {
  const type = kindOf(field).column(valueField(field).options)
  return type.type === 'serial' && field.kind !== 'serial' ? { type: 'integer' } : type
}

function referenceOf(column: string, field: Field): ReferenceSpec {
  const target = field.options.target as AnyModel
  return { column, table: target.name, to: target.key[0]!, onDelete: field.options.onDelete }
}

function indexesOf(model: AnyModel, fields: [string, Field][]): IndexSpec[] {
  const declared = (model.options.indexes ?? []) as (readonly string[] | IndexOptions)[]
  const indexes: IndexSpec[] = []
  const deletion = deletionOf(model)
  const add = (names: readonly string[], unique: boolean, given?: Record<string, unknown>) => {
    const kind = `${unique ? 'unique' : 'index'}${given ? '-where' : ''}`
    // A deleted row's values may be taken by another.
    const where = unique && deletion ? { [deletion.field]: null, ...given } : given
    let name = indexName(model.name, names, kind)
    // Several partial indexes may be over the same fields.
    for (let at = 2; indexes.some((index) => index.name === name); at++) {
      name = indexName(model.name, names, `${kind}-${at}`)
    }
    indexes.push({ name, fields: [...names], unique, where })
  }
  for (const index of declared) {
    const options: IndexOptions = 'fields' in index ? index : { fields: index }
    add(options.fields, options.unique ?? false, options.where)
  }
  for (const [name, field] of fields) {
    const isKey = model.key.length === 1 && model.key[0] === name
    if (field.options.unique && !isKey) add([name], true)
    // Deleting the other row, and reading the way back, look a reference up by its column.
    const covered = indexes.some((index) => index.fields[0] === name && !index.where) || model.key[0] === name
    if (field.kind === 'ref' && !covered) add([name], false)
  }
  // Deleted rows by when: what is to be purged is found, and other rows cost nothing.
  if (deletion) add([deletion.field], false, { [deletion.field]: { null: false } })
  return indexes
}

function checksOf(model: AnyModel, fields: [string, Field][]): TableSpec['checks'] {
  const own = Object.entries((model.options.checks ?? {}) as Record<string, Record<string, unknown>>)
  const ofFields = fields.flatMap(([name, field]) =>
    field.options.checks.map((operators, at) => ({
      name: `${model.name}_${name}_check${at || ''}`,
      field: name,
      filter: { [name]: operators },
    })),
  )
  return [...own.map(([name, filter]) => ({ name, filter })), ...ofFields]
}
