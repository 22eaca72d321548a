import type { AnyModel, ColumnType, Condition } from '../../schema/index.ts'

/** A row as code has it: every visible field (or those asked for), and what was included. */
export type AnyRow = Record<string, unknown>

/** Which rows of a model may be read at all; undefined for all of them. */
export type Restrict = (model: AnyModel) => Condition | undefined

/** What comes with each row: relations by name, or a count or an existence under a name of one's own. */
export type Includes = Record<string, true | IncludedRelation | IncludedCount | IncludedExists>

/** Which rows of a relation. Filters are as users write them. */
export interface IncludedRows {
  where?: unknown
  /** Deleted rows too. */
  withDeleted?: boolean
}

/** Options of one included relation. */
export interface IncludedRelation extends IncludedRows {
  sort?: string | readonly string[]
  /** At most so many rows for each parent. Without one, more than 1,000 for a parent are `result_too_large`. */
  limit?: number
  fields?: readonly string[]
  include?: Includes
}

export interface IncludedCount extends IncludedRows {
  count: string
}

export interface IncludedExists extends IncludedRows {
  exists: string
}

/** Which rows of the model itself. */
export interface RowsQuery {
  where?: Condition
  /** Deleted rows too. Default: those of models without a `t.deletedAt()`, which are none. */
  withDeleted?: boolean
}

export interface GetQuery extends RowsQuery {
  /** Names of fields, write-only ones too. Default: every visible field. */
  fields?: readonly string[]
  include?: Includes
  /** Asked for every included model, also in counts and existences and in their filters; `where` covers the row itself. */
  restrict?: Restrict
}

export interface FindQuery extends GetQuery {
  /** Words, all of which must occur in the searched fields; the last may be the beginning of one. */
  search?: string
  /** `'title'`, `'-createdAt'` or several. The key is always added, so that the order is total. Nulls come last. */
  sort?: string | readonly string[]
  /** Without one, more than 10,000 rows are `result_too_large`. */
  limit?: number
  /** The `next` of a page that had the same sort. @throws MonoblocError `invalid_cursor` */
  after?: string
  /** Rows to skip, 0 to 10,000. */
  offset?: number
  /** Filled in with where the page lies among all rows, for who must know which others would change it. */
  bounds?: PageBounds
}

/** A page in the order of its rows: changes outside of it leave it as it is. */
export interface PageBounds {
  terms?: readonly { column: string; type: ColumnType; descending: boolean }[]
  /** The row that it comes after, by its values of the terms as JSON has them; undefined where it begins with the first. */
  after?: readonly unknown[] | undefined
  /** The last row that it depends on: the first of the next page. Undefined where there is none. */
  last?: readonly unknown[] | undefined
}

export type CountQuery = Pick<FindQuery, 'where' | 'withDeleted' | 'search'>

export interface Page {
  rows: AnyRow[]
  /** What `after` takes to go on; null when this is the last page. */
  next: string | null
}

export interface JsonPage {
  /** A JSON array. */
  json: string
  count: number
  next: string | null
}

export interface AggregateQuery extends RowsQuery {
  /** Groups; one group of everything without it. */
  by?: readonly string[]
  count?: boolean
  sum?: readonly string[]
  avg?: readonly string[]
  min?: readonly string[]
  max?: readonly string[]
  /** `by` fields, or `count`, or `sum.price`; `-` in front for descending. Default: the `by` fields in their order. */
  sort?: string | readonly string[]
  /** Without one, more than 10,000 groups are `result_too_large`. */
  limit?: number
}

export interface SearchQuery extends GetQuery {
  /** Default: 20. */
  limit?: number
  after?: string
  /** Adds `highlights` and `snippet` to each hit. */
  highlight?: boolean
}

export interface SearchHit {
  row: AnyRow
  /** Greater is better; comparable within one answer only. */
  rank: number
  /** Each searched field, HTML-escaped, with `<mark>` around what was found. */
  highlights?: Record<string, string | null>
  /** The best few words of any searched field, HTML-escaped, with `<mark>` around what was found. */
  snippet?: string
}

export interface SearchPage {
  hits: SearchHit[]
  next: string | null
}

export interface WriteQuery {
  /** Asked for the written model: rows that it leaves out are as if they were not there. */
  restrict?: Restrict
  /** What the returned row holds. Default: every visible field. */
  fields?: readonly string[]
  /** An inserted row is to come as a document, too: see `documentOf`. Without `fields` only. */
  document?: boolean
}

export interface ChangeQuery extends WriteQuery {
  /** The version that the change is based on. @throws MonoblocError `precondition_failed` when the row has another */
  version?: number
  /** Rows that are deleted already may be changed too. */
  withDeleted?: boolean
}

export interface DeleteQuery extends ChangeQuery {
  /** The row goes for good, also one that is deleted already. Always so in models without a `t.deletedAt()`. */
  purge?: boolean
}
