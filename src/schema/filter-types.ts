import type { FieldKind, FieldSpec } from './field.ts'
import type { Key, Relations, ShapeOf, SpecOf } from './types.ts'

// Every part is a mapped type or an interface, which TypeScript resolves member by member: models that refer to each
// other in a circle are only followed as deep as a filter is written.

/**
 * A filter of a model's rows: fields with a value or operators, relations, and `and`, `or`, `not`. Several keys are
 * all met. Write-only fields are for the system and for policies; from anyone else they are refused when it runs.
 */
export type Filter<Ms, M> = {
  [K in PlainNames<ShapeOf<M>>]?: FieldFilter<SpecOf<ShapeOf<M>[K]>>
} & {
  [K in keyof Relations<Ms, M>]?: RelationFilter<Ms, Relations<Ms, M>[K]>
} & FilterGroups<Ms, M>

export interface FilterGroups<Ms, M> {
  and?: Filter<Ms, M> | readonly Filter<Ms, M>[]
  /** Any of the list; false when it is empty. */
  or?: readonly Filter<Ms, M>[]
  /** The exact complement: rows with null included. */
  not?: Filter<Ms, M>
}

type PlainNames<F> = {
  [K in keyof F]: SpecOf<F[K]>['kind'] extends 'ref' | 'manyToMany' | 'virtual' ? never : K
}[keyof F] &
  string

/**
 * Null may be given for every field, also one that is never null: it then matches nothing, as in
 * `{ author: user?.id ?? null }`.
 */
export interface EqualityFilter<V> {
  eq?: V | null
  /** Null is not equal to a value, so it matches. */
  ne?: V | null
  /** At most 1,000 values; false when it is empty. */
  in?: readonly (V | null)[]
  nin?: readonly (V | null)[]
  null?: boolean
}

export interface OrderFilter<V> {
  gt?: V
  gte?: V
  lt?: V
  lte?: V
  /** The least and the greatest, both included. */
  between?: readonly [V, V]
}

/** Text is compared by code point; the forms with `i` without case (simple Unicode folding). */
export interface TextFilter {
  contains?: string
  startsWith?: string
  endsWith?: string
  icontains?: string
  istartsWith?: string
  iendsWith?: string
}

export interface CountFilter extends OrderFilter<number> {
  eq?: number
  ne?: number
  in?: readonly number[]
  nin?: readonly number[]
}

type JsonScalar = string | number | boolean

export interface DocumentFilter {
  /** An array with this element. */
  has?: JsonScalar | null
  /** The number of elements of an array; null for anything else. */
  length?: number | (CountFilter & { null?: boolean })
}

export interface JsonPlaceFilter
  extends EqualityFilter<unknown>,
    OrderFilter<string | number>,
    TextFilter,
    DocumentFilter {}

export interface JsonFilter<V> extends EqualityFilter<V>, DocumentFilter {
  /** By place: `{ 'address.city': 'Paris', 'items[0].price': { gt: 3 } }` */
  path?: { [place: string]: JsonScalar | null | JsonPlaceFilter }
}

interface Given {
  timestamp: Date | string
  decimal: string | number
  bigint: bigint | number | string
  bytes: Uint8Array | string
}

type GivenOf<S extends FieldSpec> = S['kind'] extends keyof Given ? Given[S['kind']] : S['value']
type TextKind = 'text' | 'email' | 'url' | 'slug'
type UnorderedKind = 'boolean' | 'bytes'

type FieldFilter<S extends FieldSpec> = S['kind'] extends 'json'
  ? (JsonScalar & S['value']) | null | JsonFilter<S['value']>
  : GivenOf<S> | null | OperatorsOf<S['kind'], GivenOf<S>>

type OperatorsOf<Kind extends FieldKind, V> = EqualityFilter<V> &
  (Kind extends UnorderedKind ? unknown : OrderFilter<V>) &
  (Kind extends TextKind ? TextFilter : unknown)

type RelationFilter<Ms, R> = R extends { to: infer To; many: infer Many }
  ? Many extends true
    ? ToManyFilter<Ms, To>
    : ToOneFilter<Ms, To>
  : never

/** A key, null, or a filter of the related row, beside which operators on the key may stand. */
type ToOneFilter<Ms, To> =
  | (Key<To> extends string | number ? Key<To> : never)
  | null
  | (Filter<Ms, To> & KeyFilter<Key<To>>)

type KeyFilter<K> = K extends string | number ? EqualityFilter<K> & OrderFilter<K> : { null?: boolean }

export interface ToManyFilter<Ms, To> {
  some?: Filter<Ms, To>
  every?: Filter<Ms, To>
  none?: Filter<Ms, To>
  /** How many rows there are that one may see. */
  count?: number | CountFilter
}
