import type { Filter, FullRow, Relations, Row, ShapeOf, SpecOf, StoredFieldNames } from '../../schema/index.ts'

/** What `fields` may name: every field but links, write-only ones too. */
export type FieldNames<M> = keyof FullRow<M> & string

type SortName<M> = StoredFieldNames<M> | `-${StoredFieldNames<M>}`

/** `'title'`, `'-createdAt'` or several. The key is always added; nulls come last. */
export type Sort<M> = SortName<M> | readonly SortName<M>[]

type RelationNames<Ms, M> = keyof Relations<Ms, M> & string
type Target<Ms, M, K> = K extends keyof Relations<Ms, M>
  ? Relations<Ms, M>[K] extends { to: infer To }
    ? To
    : never
  : never

interface DeletedOption {
  /** Deleted rows too, of a model with a `t.deletedAt()`. */
  withDeleted?: boolean
}

/** How many rows a relation leads to: `favorites: { count: 'favoritedBy' }` */
export interface CountOf<Ms, M> extends DeletedOption {
  count: RelationNames<Ms, M>
  where?: unknown
}
/** Whether a relation leads to any row: `favorited: { exists: 'favoritedBy', where: { id: me } }` */
export interface ExistsOf<Ms, M> extends DeletedOption {
  exists: RelationNames<Ms, M>
  where?: unknown
}

/** Options of one included relation. */
export interface RelationOptions<Ms, M> extends DeletedOption {
  where?: Filter<Ms, M>
  sort?: Sort<M>
  /** At most so many rows for each parent. */
  limit?: number
  fields?: readonly FieldNames<M>[]
  include?: Include<Ms, M>
}

/**
 * What comes with each row: relations by name, or counts and existences under names of one's own. Loose, so that an
 * editor can complete it; `CheckedInclude` says what is wrong with a given one.
 */
export type Include<Ms, M> = {
  [K in RelationNames<Ms, M>]?: true | RelationOptions<Ms, Target<Ms, M, K>> | CountOf<Ms, M> | ExistsOf<Ms, M>
} & { [alias: string]: unknown }

// Names that are wrong at the top of a filter; those further in are refused when it runs.
type CheckedWhere<W, F> = F & { [K in Exclude<keyof W, keyof F>]: never }

type CheckedRelation<Ms, M, O> = {
  [K in keyof O]: K extends 'include'
    ? CheckedInclude<Ms, M, O[K]>
    : K extends 'where'
      ? CheckedWhere<O[K], Filter<Ms, M>>
      : K extends keyof RelationOptions<Ms, M>
        ? O[K]
        : never
}

type CheckedComputed<Ms, M, Name, O> =
  Name extends RelationNames<Ms, M>
    ? {
        [K in keyof O]: K extends 'where'
          ? CheckedWhere<O[K], Filter<Ms, Target<Ms, M, Name>>>
          : K extends 'count' | 'exists' | 'withDeleted'
            ? O[K]
            : never
      }
    : { count: RelationNames<Ms, M> } | { exists: RelationNames<Ms, M> }

/** An include with `never`, or what should stand there, wherever it names what does not exist. */
export type CheckedInclude<Ms, M, I> = {
  [K in keyof I]: I[K] extends { count: infer Name } | { exists: infer Name }
    ? CheckedComputed<Ms, M, Name, I[K]>
    : K extends RelationNames<Ms, M>
      ? I[K] extends true
        ? true
        : CheckedRelation<Ms, Target<Ms, M, K>, I[K]>
      : never
}

/**
 * Options of a query. A typed function takes them so, and everything in them is checked and completed:
 *
 *     find<M, const F extends FieldNames<M>, const I extends Include<Ms, M>>(
 *       model: M, options?: FindOptions<Ms, M, F, I>): Promise<Found<Ms, M, { fields: F[]; include: I }>[]>
 */
export interface GetOptions<Ms, M, F extends string = FieldNames<M>, I = Include<Ms, M>> extends DeletedOption {
  /** The fields of each row. Default: every visible one. */
  fields?: readonly F[]
  include?: GivenInclude<Ms, M, I>
}

// The loose default checks nothing.
type GivenInclude<Ms, M, I> = string extends keyof I ? I : I & CheckedInclude<Ms, M, I>

export interface FindOptions<Ms, M, F extends string = FieldNames<M>, I = Include<Ms, M>>
  extends GetOptions<Ms, M, F, I> {
  where?: Filter<Ms, M>
  sort?: Sort<M>
  limit?: number
  /** The `next` of a page with the same sort. */
  after?: string
  offset?: number
  /** Words that must all occur; the last may be the beginning of a word. Needs `search` in the model. */
  search?: string
}

/** Nothing: what an intersection is not changed by. */
type None = unknown

type Picked<M, F> = [F] extends [never]
  ? Row<M>
  : [string] extends [F]
    ? Row<M>
    : Pick<FullRow<M>, F & keyof FullRow<M>>

type IncludedRow<Ms, M, O> = Found<Ms, M, O extends true ? None : O>

type Included<Ms, M, I> = {
  -readonly [K in keyof I]: I[K] extends { count: unknown }
    ? number
    : I[K] extends { exists: unknown }
      ? boolean
      : K extends keyof Relations<Ms, M>
        ? Relations<Ms, M>[K] extends { to: infer To; many: infer Many; nullable: infer Nullable }
          ? Many extends true
            ? IncludedRow<Ms, To, I[K]>[]
            :
                | IncludedRow<Ms, To, I[K]>
                | (Nullable extends true ? null : I[K] extends { where: unknown } ? null : never)
          : never
        : never
}

type FieldsOf<O> = O extends { fields: readonly (infer F)[] } ? F : never
type IncludeOf<O> = O extends { include: infer I } ? I : None

/**
 * A row of a query: all visible fields or those that `fields` names, and what `include` adds (in the place of the key,
 * where a reference is included). A reference whose row the read policy hides is null, which the type does not say:
 * it would have to say it of every reference.
 */
export type Found<Ms, M, O = unknown> = [keyof IncludeOf<O>] extends [never]
  ? Picked<M, FieldsOf<O>>
  : Omit<Picked<M, FieldsOf<O>>, keyof IncludeOf<O>> & Included<Ms, M, IncludeOf<O>>

type NamesOfKind<M, Kind> = {
  [K in keyof ShapeOf<M>]: SpecOf<ShapeOf<M>[K]>['kind'] extends Kind ? K : never
}[keyof ShapeOf<M>] &
  string
type Summed<M> = NamesOfKind<M, 'integer' | 'serial' | 'bigint' | 'decimal' | 'float'>
type Compared<M> = Exclude<StoredFieldNames<M>, NamesOfKind<M, 'json' | 'bytes' | 'boolean'>>

export interface CountOptions<Ms, M> extends DeletedOption {
  where?: Filter<Ms, M>
  /** Words, as in `find`. */
  search?: string
}

export interface AggregateOptions<Ms, M> extends DeletedOption {
  where?: Filter<Ms, M>
  /** One row of the answer for each combination of their values; one row for everything without it. */
  by?: readonly StoredFieldNames<M>[]
  count?: true
  sum?: readonly Summed<M>[]
  avg?: readonly Summed<M>[]
  min?: readonly Compared<M>[]
  max?: readonly Compared<M>[]
  /** `by` fields, `count`, `sum.price` and so on; `-` in front for descending. Default: the `by` fields in their order. */
  sort?: string | readonly string[]
  /** Without one, more than 10,000 groups are `result_too_large`. */
  limit?: number
}

type ValueIn<M, K> = K extends keyof FullRow<M> ? FullRow<M>[K] : never
type AverageOf<V> = [V] extends [number | null] ? number : string
type Named<O, Key extends string> = O extends { [K in Key]: readonly (infer Name)[] } ? Name & string : never

type Part<O, Key extends string, Value> = [Named<O, Key>] extends [never] ? None : { [K in Key]: Value }

/**
 * One group: the `by` fields, `count`, and an object by field for each of `sum`, `avg`, `min` and `max`, null where no
 * value was not null. Sums are exact: strings for decimals, bigints for bigint. Averages of these are decimal strings
 * rounded to six digits beyond their scale.
 */
export type Aggregated<M, O> = { [K in Named<O, 'by'>]: ValueIn<M, K> } & (O extends { count: true }
  ? { count: number }
  : None) &
  Part<O, 'sum', { [K in Named<O, 'sum'>]: NonNullable<ValueIn<M, K>> | null }> &
  Part<O, 'avg', { [K in Named<O, 'avg'>]: AverageOf<ValueIn<M, K>> | null }> &
  Part<O, 'min', { [K in Named<O, 'min'>]: NonNullable<ValueIn<M, K>> | null }> &
  Part<O, 'max', { [K in Named<O, 'max'>]: NonNullable<ValueIn<M, K>> | null }>

export interface SearchOptions<Ms, M, F extends string = FieldNames<M>, I = Include<Ms, M>, H = boolean>
  extends GetOptions<Ms, M, F, I> {
  where?: Filter<Ms, M>
  /** Default: 20. */
  limit?: number
  after?: string
  /** Adds `highlights` and `snippet` to each hit. */
  highlight?: H
}

/** One hit of a search. */
export type SearchFound<Ms, M, O = unknown> = {
  row: Found<Ms, M, O>
  /** Greater is better; comparable within one answer only. Where a policy hides rows, it only says the place. */
  rank: number
} & (O extends { highlight: true }
  ? {
      /** Each searched field, HTML-escaped, with `<mark>` around what was found. */
      highlights: Record<string, string | null>
      /** The best few words of any searched field, HTML-escaped, with `<mark>` around what was found. */
      snippet: string
    }
  : None)
