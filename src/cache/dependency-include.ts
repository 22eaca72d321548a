import {
  type AnyModel,
  allOf,
  type ColumnType,
  type Condition,
  deletionOf,
  everything,
  type Field,
  kindOf,
  liveRows,
  parseFilter,
  type Relation,
  type Schema,
  valueField,
} from '../schema/index.ts'
import type { AnyRow, GetQuery, Restrict } from '../storage/index.ts'
import { type Dependency, relatedRows, rowsOf, shownColumns } from './dependency.ts'

type Includes = NonNullable<GetQuery['include']>

interface IncludeOptions {
  where?: unknown
  withDeleted?: boolean
  sort?: string | readonly string[]
  limit?: number
  fields?: readonly string[]
  include?: Includes
  count?: string
  exists?: string
}

/** More parents than this are told by their whole table: a list in a condition is looked through for each change. */
const mostParents = 1_000

/** What the included rows of some parents make an answer depend on. Where it can't be told exactly, on more. */
export function includedRows(
  schema: Schema,
  model: AnyModel,
  parents: readonly AnyRow[],
  includes: Includes,
  restrict: Restrict | undefined,
): Dependency[] {
  return Object.entries(includes).flatMap(([name, given]) => {
    const options: IncludeOptions = given === true ? {} : (given as IncludeOptions)
    const computed = options.count ?? options.exists
    const relation = schema.relation(model, computed ?? name)!
    const where = conditionOf(schema, relation.to, options, restrict)
    const reading: Reading = { schema, model, relation, name, parents, options, where, restrict }
    return [...relatedRows(where), ...(computed === undefined ? shownRows(reading) : countedRows(reading))]
  })
}

interface Reading {
  schema: Schema
  model: AnyModel
  relation: Relation
  /** Under which it stands in each parent. */
  name: string
  parents: readonly AnyRow[]
  options: IncludeOptions
  where: Condition
  restrict: Restrict | undefined
}

function conditionOf(
  schema: Schema,
  to: AnyModel,
  { where, withDeleted }: IncludeOptions,
  restrict: Restrict | undefined,
): Condition {
  const live = withDeleted ? undefined : liveRows(to)
  const own =
    where === undefined ? undefined : parseFilter(schema, to, where, restrict ? { restrict } : { secret: true })
  return allOf([restrict?.(to), own, live].filter((part) => part !== undefined))
}

function shownRows(reading: Reading): Dependency[] {
  const { schema, relation, name, parents, options, where, restrict } = reading
  const { to, via } = relation
  const found = parents.flatMap((parent): AnyRow[] => asRows(parent[name]))
  const deeper = options.include ? includedRows(schema, to, found, options.include, restrict) : []
  const shows = withOrder(shownAt(schema, to, options), relation, options)
  if (via.kind === 'inverse') return [rowsOf(to.name, allOf([where, ofParents(reading, via.field)]), shows), ...deeper]
  const links = via.kind === 'link' ? [rowsOf(via.table, linksOf(reading, via.near), undefined)] : []
  const keys = keysIn(to, found)
  // What refers to a row that everybody may see shows it; else it refers to none, which its own column says.
  const isMissing = via.kind === 'ref' && where !== everything && found.length < parents.length
  // A row that is hidden, or beyond the limit, may come to be shown, and nothing that is shown tells which.
  const isChosen = where !== everything || (options.limit !== undefined && options.sort !== undefined)
  if (!keys || isMissing || (via.kind === 'link' && isChosen)) {
    return [...links, rowsOf(to.name, everything, visibleBy(shows, where)), ...deeper]
  }
  const columns = visibleBy(shows, where)
  return [...links, ...keys.map((key) => rowsOf(to.name, keyIs(to, key), columns)), ...deeper]
}

function countedRows(reading: Reading): Dependency[] {
  const { relation, where } = reading
  const { to, via } = relation
  if (via.kind === 'inverse') return [rowsOf(to.name, allOf([where, ofParents(reading, via.field)]), new Set())]
  if (via.kind === 'link') {
    const links = rowsOf(via.table, linksOf(reading, via.near), undefined)
    return where === everything ? [links] : [links, rowsOf(to.name, where, new Set())]
  }
  return [rowsOf(to.name, where, new Set())]
}

function asRows(included: unknown): AnyRow[] {
  if (included === null || included === undefined) return []
  return Array.isArray(included) ? (included as AnyRow[]) : [included as AnyRow]
}

/** What a row shows, and what says where it stands among those of its parent, or that it is the one of them to be shown. */
function withOrder(
  shows: ReadonlySet<string> | undefined,
  { to, via, many }: Relation,
  { sort = [], withDeleted }: IncludeOptions,
): ReadonlySet<string> | undefined {
  if (!shows) return shows
  if (many) return new Set([...shows, ...(String(sort).match(/[^-,][^,]*/g) ?? [])])
  const deletion = via.kind === 'inverse' && withDeleted ? deletionOf(to) : null
  return deletion ? new Set([...shows, deletion.field]) : shows
}

/** What a row shows, and what decides whether it is shown. */
function visibleBy(shows: ReadonlySet<string> | undefined, where: Condition): ReadonlySet<string> | undefined {
  if (!shows || where === everything) return shows
  return new Set([...shows, ...rowsOf('', where, undefined).decides])
}

function ofParents({ model, relation, parents }: Reading, field: string): Condition {
  const keys = keysIn(model, parents)
  const type = columnType(relation.to.fields.get(field) as Field)
  return keys ? isIn(field, type, keys) : everything
}

function linksOf({ model, parents }: Reading, near: string): Condition {
  const keys = keysIn(model, parents)
  return keys ? isIn(near, columnType(model.fields.get(model.key[0]!) as Field), keys) : everything
}

/** The keys of rows of a model with one key field; undefined where they do not show. */
function keysIn(model: AnyModel, rows: readonly AnyRow[]): unknown[] | undefined {
  const [name, ...others] = model.key as readonly string[]
  if (others.length > 0 || rows.length > mostParents) return undefined
  const keys = new Set<unknown>()
  for (const row of rows) {
    const key = row[name!]
    if (key === undefined || key === null || (typeof key === 'object' && !(key instanceof Date))) return undefined
    keys.add(key)
  }
  return [...keys]
}

function isIn(column: string, type: ColumnType, values: readonly unknown[]): Condition {
  const [only] = values
  if (values.length === 1) return { kind: 'compare', column, type, comparison: { operator: 'eq', value: only } }
  return { kind: 'compare', column, type, comparison: { operator: 'in', values } }
}

function keyIs(model: AnyModel, key: unknown): Condition {
  const [name] = model.key as readonly [string]
  return isIn(name, columnType(model.fields.get(name) as Field), [key])
}

/** Of a field, or of the key that it refers to. */
export function columnType(field: Field): ColumnType {
  return kindOf(field).column(valueField(field).options)
}

/** What a level of an answer shows of its rows, with what its includes are found by. */
export function shownAt(
  schema: Schema,
  model: AnyModel,
  { fields, include }: Pick<IncludeOptions, 'fields' | 'include'>,
): ReadonlySet<string> | undefined {
  const shows = shownColumns(model, fields)
  if (!shows || !include) return shows
  const all = new Set(shows)
  for (const [name, given] of Object.entries(include)) {
    const { count, exists } = given as IncludeOptions
    const relation = schema.relation(model, count ?? exists ?? name)
    if (relation?.via.kind === 'ref') all.add(relation.via.field)
  }
  return all
}
