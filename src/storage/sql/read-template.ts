import type { Expression, RawBuilder } from 'kysely'
import { MonoblocError } from '../../errors.ts'
import { reachOf } from '../../schema/index.ts'
import type { MaybePromise, SqlValue } from '../storage.ts'
import { mostIncluded } from './include-resolve.ts'
import { afterSql, orderSql, writeCursor, writeCursorText } from './keyset.ts'
import { sql } from './kysely.ts'
import { attempt } from './maybe-promise.ts'
import type { ModelPlans, StoredColumn } from './model-plan.ts'
import type { Include, PlacedCondition, ReadLevel } from './read-level.ts'
import { isJson, neededColumns, type ReadForm, ref, SqlWriter } from './read-sql.ts'
import { includeAlias, RowCodec } from './row-codec.ts'
import type { Sorting } from './sorting.ts'
import type { SqlEngine } from './sql-engine.ts'
import { compileTemplate, Slot, type Template } from './template.ts'

type Sql = Expression<unknown>

/** How rows are asked for, once for each shape. */
export interface ReadTemplate extends Template {
  /** `rows` where code had to make the answer, also where a document was asked for. */
  form: ReadForm
  codec: RowCodec
  /** An include without a limit can fail for having too many rows. */
  capped: boolean
}

/** One row by its key, whose values stand in the first slots. */
export function compileGet(
  plans: ModelPlans,
  asked: ReadForm,
  level: ReadLevel,
  where: PlacedCondition | undefined,
): ReadTemplate {
  const { writer, table, base } = begin(plans, asked, level)
  const keys = level.plan.key.map(({ name }, at) => sql`${ref(table, name)} = ${new Slot(at)}`)
  const columns = base.form === 'json' ? writer.document(level, table) : rowColumns(writer, level, table)
  const from = sql`${sql.table(level.plan.name)} as ${sql.ref(table)}`
  const query = sql`select ${columns} from ${from} where ${sql.join(keys, sql` and `)}${writer.and(where, table)}`
  const reach = isBounded(where) && level.includes.every(isOneRow) ? 'bounded' : 'plan'
  return { ...base, ...compileTemplate(plans.dialect, query, reach) }
}

/** Which rows a page has, and the slots of what bounds it. */
export interface PageShape {
  where: PlacedCondition | undefined
  search: number | undefined
  sorting: Sorting
  after: { shape: string; at: number } | undefined
  limitAt: number
  /** See `SqlEngine.ceilingOf`. */
  ceiling: number | undefined
  offsetAt: number | undefined
}

export interface PageTemplate extends ReadTemplate {
  /** `rows` only: all of them come in one cell, as the document of an array of their cells. */
  whole: boolean
  /** The cursor after a row: `rows` only. */
  cursor: (cells: readonly SqlValue[]) => string
  /** The cursor after the last of the joined documents: `json` only, and of its cursors where it has them. */
  documentCursor: (documents: string, last: number) => string
}

/** A page of rows; as `json`, one row: the documents between separators, how many, and where needed their cursors. */
export function compilePage(plans: ModelPlans, asked: ReadForm, level: ReadLevel, shape: PageShape): PageTemplate {
  const { writer, table, base } = begin(plans, asked, level)
  const { engine, dialect } = plans
  const { sorting } = shape
  const columnsOf = sorting.terms.map(({ column }) => column)
  const select = (columns: Sql) => chosenRows(writer, level, shape, table, columns)
  if (base.form === 'rows') {
    const whole = engine.readsDocuments === true && level.includes.length > 0
    const extra = columnsOf.filter((column) => !level.stored.includes(column))
    const places = columnsOf.map((column) =>
      level.stored.includes(column) ? level.stored.indexOf(column) : base.codec.width + extra.indexOf(column),
    )
    const rows = (from: string) =>
      whole
        ? engine.arrayOfRows(writer.document(level, from, extra))
        : sql.join([rowColumns(writer, level, from), ...more(from)])
    const more = (from: string) =>
      extra.map(
        (column) =>
          sql`${dialect.selected(column.type, ref(from, column.name))} as ${sql.ref(`~s${columnsOf.indexOf(column)}`)}`,
      )
    const cursor: PageTemplate['cursor'] = (cells) =>
      writeCursor(
        sorting,
        columnsOf.map(({ decode, toJson }, at) => {
          const value = cells[places[at]!]!
          if (value === null) return null
          const decoded = decode ? decode(value) : value
          return toJson ? toJson(decoded as never) : decoded
        }),
      )
    const query = level.includes.length === 0 ? select(rows(table)) : within(writer, level, columnsOf, select, rows)
    const codec = whole ? new RowCodec(level, true) : base.codec
    return { ...base, codec, whole, cursor, documentCursor: ofOtherForm, ...compileTemplate(dialect, query, 'plan') }
  }
  const shown = new Set(level.outputs.flatMap((output) => ('column' in output ? [output.name] : [])))
  // The last document tells its cursor by itself when that is cheap: all it takes is there, and it is no tree.
  const tells = level.includes.length === 0 && columnsOf.every(({ name }) => shown.has(name))
  const cursors = {
    whole: false,
    cursor: ofOtherForm,
    documentCursor: tells ? toldCursor(sorting, level) : givenCursor(sorting),
  }
  if (tells && isIndexOrder(plans, level, shape)) {
    // No row is read that is not shown, so that each is made into a document where it is read: a tenth less than handing
    // its columns on.
    const rows = sql`(${select(sql`${writer.document(level, table)} as json`)}) as ${sql.ref(writer.alias())}`
    const query = sql`select ${engine.joinedRows(sql.ref('json'))} as json, count(*) as count from ${rows}`
    return { ...base, ...cursors, ...compileTemplate(dialect, query, 'plan') }
  }
  const query = within(writer, level, columnsOf, select, (chosen) => {
    const json = sql`${engine.joinedRows(writer.document(level, chosen))} as json, count(*) as count`
    if (tells) return json
    const terms = columnsOf.map((column) => dialect.json(column.type, ref(chosen, column.name))!)
    return sql`${json}, ${engine.joinedRows(engine.array(terms))} as cursors`
  })
  return { ...base, ...cursors, ...compileTemplate(dialect, query, 'plan') }
}

function ofOtherForm(): never {
  throw new Error('a page has the cursors of its form only')
}

function givenCursor(sorting: Sorting): PageTemplate['documentCursor'] {
  return (documents, last) => writeCursor(sorting, JSON.parse(documents.slice(last)) as unknown[])
}

// What is sorted by the key alone, with the key first, as most pages are, tells it without being parsed.
const withoutComma = new Set(['uuid', 'serial', 'integer'])

function toldCursor(sorting: Sorting, level: ReadLevel): PageTemplate['documentCursor'] {
  const columns = sorting.terms.map(({ column }) => column)
  const [first, second] = level.outputs
  const [{ name, type }] = columns as [StoredColumn]
  const isFirst = first !== undefined && 'column' in first && first.column === columns[0] && second !== undefined
  const opening =
    isFirst && columns.length === 1 && withoutComma.has(type.type) ? `{${JSON.stringify(name)}:` : undefined
  return (documents, last) => {
    if (opening !== undefined && documents.startsWith(opening, last)) {
      const start = last + opening.length
      return writeCursorText(sorting, documents.slice(start, documents.indexOf(',', start)))
    }
    const document = JSON.parse(documents.slice(last)) as Record<string, unknown>
    return writeCursor(
      sorting,
      columns.map((column) => document[column.name]),
    )
  }
}

/** All rows, in the order of an index: the page is the first of what is read, and nothing is sorted. */
function isIndexOrder({ schema }: ModelPlans, { plan }: ReadLevel, { where, search, sorting }: PageShape): boolean {
  const { terms } = sorting
  if (where || search !== undefined) return false
  if (terms.some(({ column, descending }) => column.nullable || descending !== terms[0]!.descending)) return false
  const { key, indexes } = schema.tables.find((table) => table.model === plan.model)!
  const whole = indexes.filter((index) => index.where === undefined).map((index) => index.fields)
  return [key, ...whole].some((fields) => terms.every(({ column }, at) => fields[at] === column.name))
}

/** How many rows match. */
export function compileCount(
  plans: ModelPlans,
  level: ReadLevel,
  where: PlacedCondition | undefined,
  search: number | undefined,
): Template {
  const { writer, table } = begin(plans, 'rows', level)
  return compileTemplate(
    plans.dialect,
    sql`select count(*) ${matchingRows(writer, level, where, search, table)}`,
    'plan',
  )
}

export function begin(plans: ModelPlans, asked: ReadForm, level: ReadLevel) {
  const form: ReadForm = asked === 'json' && isJson(plans.dialect, level) ? 'json' : 'rows'
  const writer = new SqlWriter(plans.dialect, plans.engine, form)
  return {
    writer,
    table: writer.alias(),
    base: { form, codec: new RowCodec(level), capped: level.includes.some(isCapped) },
  }
}

// Rows are chosen within and what is shown of them is made outside: an `offset`, even of 0, keeps SQLite from merging
// the two and working the includes out for every row before it sorts and cuts.
function within(
  writer: SqlWriter,
  level: ReadLevel,
  more: Parameters<typeof neededColumns>[1],
  select: (columns: Sql) => Sql,
  made: (chosen: string) => Sql,
): ReturnType<typeof sql> {
  const chosen = writer.alias()
  const columns = made(chosen)
  const inner = select(sql.join(neededColumns(level, more).map(({ name }) => sql.ref(name))))
  return sql`select ${columns} from (${inner}) as ${sql.ref(chosen)}`
}

export function rowColumns(writer: SqlWriter, level: ReadLevel, table: string): Sql {
  const columns = level.stored.map(
    ({ name, type }) => sql`${writer.dialect.selected(type, ref(table, name))} as ${sql.ref(name)}`,
  )
  const includes = level.includes.map(
    (include, at) => sql`${writer.include(include, level.plan, table, false)} as ${sql.ref(includeAlias(at))}`,
  )
  const all = [...columns, ...includes]
  return all.length > 0 ? sql.join(all) : sql`1 as ${sql.ref('~')}`
}

function matchingRows(
  writer: SqlWriter,
  level: ReadLevel,
  where: PlacedCondition | undefined,
  search: number | undefined,
  table: string,
  more: Sql[] = [],
): Sql {
  const from = sql`from ${sql.table(level.plan.name)} as ${sql.ref(table)}`
  const parts = where ? [writer.condition(where, table), ...more] : [...more]
  if (search !== undefined) parts.push(writer.engine.found(level.plan, table, sql`${new Slot(search)}`))
  return parts.length > 0 ? sql`${from} where ${sql.join(parts, sql` and `)}` : from
}

function chosenRows(
  writer: SqlWriter,
  level: ReadLevel,
  shape: PageShape,
  table: string,
  columns: Sql,
): RawBuilder<unknown> {
  const { sorting, after, limitAt, offsetAt, ceiling } = shape
  const more = after ? [afterSql(sorting, after.shape, table, after.at)] : []
  const rows = matchingRows(writer, level, shape.where, shape.search, table, more)
  const offset = offsetAt === undefined ? undefined : sql`${new Slot(offsetAt)}`
  const ordered = sql`select ${columns} ${rows} ${orderSql(writer.engine, sorting, table)}`
  return writer.engine.limited(ordered, sql`${new Slot(limitAt)}`, offset, ceiling)
}

function isCapped(include: Include): boolean {
  if (!('level' in include)) return false
  return (include.kind === 'many' && include.capped) || include.level.includes.some(isCapped)
}

// A condition on related rows can look at any number of them.
function isBounded(where: PlacedCondition | undefined): boolean {
  return where === undefined || reachOf(where.condition).tables.size === 0
}

function isOneRow(include: Include): boolean {
  return (
    include.kind === 'one' &&
    include.relation.via.kind === 'ref' &&
    isBounded(include.where) &&
    include.level.includes.every(isOneRow)
  )
}

/** Runs what can fail for an included list without a limit that is too long, and says so. */
export function unlessTooMany<T>(
  engine: SqlEngine,
  { capped }: ReadTemplate,
  work: () => MaybePromise<T>,
): MaybePromise<T> {
  if (!capped) return work()
  return attempt(work, (error) => {
    if (!(error instanceof MonoblocError) || !engine.isTooMany(error.message)) throw error
    const detail = `An included list has more than ${mostIncluded} rows: give it a limit.`
    throw new MonoblocError('result_too_large', { detail, cause: error })
  })
}
