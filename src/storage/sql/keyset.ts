import type { Expression, RawBuilder, SqlBool } from 'kysely'
import { MonoblocError } from '../../errors.ts'
import { filterValue } from '../../schema/index.ts'
import type { SqlValue } from '../storage.ts'
import type { Dialect } from './dialect.ts'
import { sql } from './kysely.ts'
import type { Sorting, SortTerm } from './sorting.ts'
import type { SqlEngine } from './sql-engine.ts'
import { Slot } from './template.ts'

/** The cursor after a row, whose values of the sorting's terms are given as JSON has them. */
export function writeCursor(sorting: Sorting, values: readonly unknown[]): string {
  return Buffer.from(JSON.stringify([sorting.hash, ...values])).toString('base64url')
}

/** The same for one term, whose value is given as JSON text of ASCII. */
export function writeCursorText(sorting: Sorting, value: string): string {
  return Buffer.from(`["${sorting.hash}",${value}]`, 'latin1').toString('base64url')
}

/** Where a page begins: the values of the last row before it, and which of them are null (a `0` in `shape`). */
export interface Position {
  values: SqlValue[]
  shape: string
}

/** @throws MonoblocError `invalid_cursor`, also for a cursor of another model or another sort */
export function readCursor(dialect: Dialect, sorting: Sorting, cursor: unknown): Position {
  const [hash, ...given] = listOfCursor(cursor)
  if (hash !== sorting.hash || given.length !== sorting.terms.length) throw invalid()
  let shape = ''
  const values = sorting.terms.map(({ column }, at) => {
    const isNull = given[at] === null
    shape += isNull ? '0' : '1'
    if (isNull && column.nullable) return null
    const value = isNull ? undefined : filterValue(column.type, given[at])
    if (value === undefined) throw invalid()
    return dialect.encode(column.type, value)
  })
  return { values, shape }
}

/** What a cursor holds. @throws MonoblocError `invalid_cursor` */
export function listOfCursor(cursor: unknown): unknown[] {
  if (typeof cursor !== 'string') throw invalid()
  let list: unknown
  try {
    list = JSON.parse(Buffer.from(cursor, 'base64url').toString())
  } catch {
    throw invalid()
  }
  if (!Array.isArray(list)) throw invalid()
  return list
}

function invalid(): MonoblocError {
  return new MonoblocError('invalid_cursor')
}

/** `order by`, with nulls last whatever the direction. */
export function orderSql(engine: SqlEngine, sorting: Sorting, table: string): RawBuilder<unknown> {
  const terms = sorting.terms.map(({ column, descending }) => {
    const direction = descending ? ' desc' : ''
    const nulls = column.nullable && engine.ascendingNullsLast === descending ? ' nulls last' : ''
    return sql`${sql.ref(`${table}.${column.name}`)}${sql.raw(direction + nulls)}`
  })
  return sql`order by ${sql.join(terms)}`
}

/** The rows that come after a position, whose values stand in the slots from `first` on. */
export function afterSql(sorting: Sorting, shape: string, table: string, first: number): Expression<SqlBool> {
  const { terms } = sorting
  const column = (term: SortTerm) => sql.ref(`${table}.${term.column.name}`)
  const uniform = terms.every((term) => term.descending === terms[0]!.descending && !term.column.nullable)
  if (uniform) {
    // One comparison of row values, which an index over these columns answers by itself.
    const left = terms.map(column)
    const right = terms.map((_, at) => sql`${new Slot(first + at)}`)
    const operator = sql.raw(terms[0]!.descending ? '<' : '>')
    return left.length === 1
      ? sql`${left[0]} ${operator} ${right[0]}`
      : sql`(${sql.join(left)}) ${operator} (${sql.join(right)})`
  }
  const write = (at: number): RawBuilder<SqlBool> => {
    const term = terms[at]!
    const value = sql`${new Slot(first + at)}`
    const rest = at + 1 < terms.length ? write(at + 1) : undefined
    if (shape[at] === '0') return rest ? sql`(${column(term)} is null and ${rest})` : sql`false`
    const operator = term.descending ? '<' : '>'
    const later = [sql`${column(term)} ${sql.raw(operator)} ${value}`]
    if (term.column.nullable) later.push(sql`${column(term)} is null`)
    if (rest) later.push(sql`${column(term)} = ${value} and ${rest}`)
    const after = sql<SqlBool>`(${sql.join(later, sql` or `)})`
    // Redundant, but an index can begin with it, and not with the alternatives.
    return term.column.nullable ? after : sql`(${column(term)} ${sql.raw(`${operator}=`)} ${value} and ${after})`
  }
  return write(0)
}

// FNV-1a, 32 bits: it tells mistakes, not attackers; every value of a cursor is checked on its own.
export function hashOf(text: string): string {
  let hash = 0x811c9dc5
  for (const character of text) hash = Math.imul(hash ^ character.codePointAt(0)!, 0x01000193)
  return (hash >>> 0).toString(36)
}
