import {
  type AnyModel,
  allOf,
  anyOf,
  type Comparable,
  type Condition,
  comparableReader,
  compileMatcher,
  deletionOf,
  everything,
  type Field,
  type MatchedRow,
  nothing,
  notThat,
  reachOf,
} from '../schema/index.ts'
import type { LogEntry } from '../storage/index.ts'
import type { PagePlace } from './page-place.ts'

/** Some rows of one table, as an answer depends on them. */
export interface Dependency {
  table: string
  /** They all have this value here: by it they are found. */
  at: { column: string; read: (value: unknown) => Comparable | null; value: Comparable } | undefined
  /** Whether a row may be one of them; undefined: every row may. */
  matches: ((row: MatchedRow) => boolean) | undefined
  /** The columns by which `matches` decides. */
  decides: ReadonlySet<string>
  /** `matches` says yes to more rows than there are: what it looks at hangs on other rows, too. */
  isRough: boolean
  /** Columns of them that show in the answer; undefined: all. */
  shows: ReadonlySet<string> | undefined
  /** Where they lie, where the answer is a page of them. */
  place: PagePlace | undefined
}

const none: ReadonlySet<string> = new Set()

/** Any change of a table. */
export function wholeTable(table: string): Dependency {
  return {
    table,
    at: undefined,
    matches: undefined,
    decides: none,
    isRough: false,
    shows: undefined,
    place: undefined,
  }
}

/** The rows of a model, or of a link table, that meet a condition. */
export function rowsOf(
  table: string,
  where: Condition,
  shows: ReadonlySet<string> | undefined,
  place?: PagePlace | undefined,
): Dependency {
  const { columns, tables } = reachOf(where)
  const isRough = tables.size > 0
  const known = isRough ? widened(where) : where
  return {
    table,
    at: equalPart(known),
    matches: known === everything ? undefined : compileMatcher(known),
    decides: columns,
    isRough,
    shows,
    place,
  }
}

/**
 * What a condition that crosses relations depends on beyond its own rows: in each related table the rows that count there,
 * and columns by which they do.
 */
export function relatedRows(where: Condition): Dependency[] {
  switch (where.kind) {
    case 'and':
    case 'or':
      return where.parts.flatMap(relatedRows)
    case 'not':
      return relatedRows(where.part)
    case 'one':
    case 'many':
    case 'count':
      return crossing(where)
    default:
      return []
  }
}

function crossing(condition: Extract<Condition, { kind: 'one' | 'many' | 'count' }>): Dependency[] {
  const { via, to } = condition.relation
  const counted =
    condition.kind === 'one'
      ? condition.where
      : condition.kind === 'count' || condition.quantity === 'every'
        ? condition.within
        : allOf([condition.within, condition.where])
  const inner = condition.kind === 'count' ? condition.within : allOf([counted, condition.where])
  const shows = new Set(to.key as readonly string[])
  if (via.kind === 'inverse') shows.add(via.field)
  // Deleted rows do not count, which no condition says.
  const deletion = deletionOf(to)
  if (deletion) shows.add(deletion.field)
  // Of what is asked of each, a row that counts either way may still change its answer.
  if (condition.kind === 'many' && condition.quantity === 'every') {
    for (const column of reachOf(condition.where).columns) shows.add(column)
  }
  return [
    rowsOf(to.name, counted, shows),
    ...(via.kind === 'link' ? [wholeTable(via.table)] : []),
    ...relatedRows(inner),
  ]
}

/** The same condition, true of every row of which it may be true whatever related rows are. */
function widened(condition: Condition, sense = true): Condition {
  switch (condition.kind) {
    case 'and':
      return allOf(condition.parts.map((part) => widened(part, sense)))
    case 'or':
      return anyOf(condition.parts.map((part) => widened(part, sense)))
    case 'not':
      return notThat(widened(condition.part, !sense))
    case 'one':
    case 'many':
    case 'count':
      return sense ? everything : nothing
    default:
      return condition
  }
}

const found = new Set(['uuid', 'text', 'integer', 'serial', 'bigint', 'date'])

function equalPart(condition: Condition): Dependency['at'] {
  const parts = condition.kind === 'and' ? condition.parts : [condition]
  for (const part of parts) {
    if (part.kind !== 'compare' || part.comparison.operator !== 'eq' || !found.has(part.type.type)) continue
    const read = comparableReader(part.type)
    const value = read(part.comparison.value)
    if (value !== null) return { column: part.column, read, value }
  }
  return undefined
}

/** Whether a change of its table may change the answer. */
export function isAffected(dependency: Dependency, entry: LogEntry, before: MatchedRow | undefined): boolean {
  const { operation, row, omitted } = entry
  if (operation === 'empty' || operation === 'migrate') return true
  const { at, matches, decides, place, isRough } = dependency
  const isUnknown = omitted.length > 0 && omitted.some((name) => decides.has(name))
  const may = (one: MatchedRow) =>
    (!at || !(at.column in one) || at.read(one[at.column]) === at.value) &&
    (isUnknown || !matches || matches(one)) &&
    (!place || place(one))
  const after = operation === 'delete' ? undefined : row
  const is = after !== undefined && may(after)
  const was = before !== undefined && may(before)
  if (!is && !was) return false
  if (!is || !was) return true
  return isShown(dependency, entry, isUnknown || isRough)
}

function isShown({ shows, decides }: Dependency, { previous, omitted }: LogEntry, isDoubtful: boolean): boolean {
  if (!shows) return true
  const counts = (name: string) => shows.has(name) || (isDoubtful && decides.has(name))
  for (const name in previous) if (counts(name)) return true
  return omitted.some(counts)
}

/** A row as it was before a change; undefined before an insert. */
export function rowBefore({ operation, row, previous }: LogEntry): MatchedRow | undefined {
  if (operation === 'insert') return undefined
  return operation === 'update' ? { ...row, ...previous } : row
}

const visible = new WeakMap<AnyModel, ReadonlySet<string> | 'all'>()

/**
 * The columns that a read shows; undefined for all, as where a computed field is made of the whole row.
 *
 * @param fields that were asked for; undefined: the visible ones
 */
export function shownColumns(model: AnyModel, fields?: readonly string[]): ReadonlySet<string> | undefined {
  const all = model.fields as Map<string, Field>
  if (fields) return fields.some((name) => all.get(name)?.kind === 'virtual') ? undefined : new Set(fields)
  let known = visible.get(model)
  if (known === undefined) {
    const shown = [...all].filter(([, { options }]) => !options.writeOnly)
    known = shown.some(([, { kind }]) => kind === 'virtual') ? 'all' : new Set(shown.map(([name]) => name))
    visible.set(model, known)
  }
  return known === 'all' ? undefined : known
}
