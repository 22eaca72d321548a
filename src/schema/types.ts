import type { Field, FieldSpec } from './field.ts'
import type { AnyModel, Model, Shape } from './model.ts'

/** The spec of a field type. */
export type SpecOf<F> = F extends { '~spec': infer S extends FieldSpec } ? S : never
export type ShapeOf<M> = M extends { shape: infer F extends Shape } ? F : never
export type NameOf<M> = M extends { name: infer N extends string } ? N : never

type Simplify<T> = { [K in keyof T]: T[K] } & {}

type NamesOfKind<F, Kind> = { [K in keyof F]: SpecOf<F[K]>['kind'] extends Kind ? K : never }[keyof F] & string

type KeyNames<M> =
  M extends Model<any, infer F, infer K> ? ([K] extends [never] ? NamesOfKind<F, 'id' | 'serial'> : K) : never
type IsUnion<T, U = T> = T extends unknown ? ([U] extends [T] ? false : true) : never

/** What identifies a row: the value of the one key field, or an object of the composite key's fields. */
export type Key<M> =
  IsUnion<KeyNames<M>> extends true
    ? { [K in KeyNames<M>]: ValueOf<ShapeOf<M>[K]> }
    : ValueOf<ShapeOf<M>[KeyNames<M> & keyof ShapeOf<M>]>

/** The value of a field in a row. */
export type ValueOf<F> =
  SpecOf<F> extends infer S extends FieldSpec
    ? (S['kind'] extends 'ref' ? Key<S['target']> : S['value']) | (S['nullable'] extends true ? null : never)
    : never

type ColumnNames<F> = { [K in keyof F]: SpecOf<F[K]>['kind'] extends 'manyToMany' ? never : K }[keyof F] & string
type VisibleNames<F> = { [K in keyof F]: SpecOf<F[K]>['visible'] extends true ? K : never }[keyof F] & ColumnNames<F>
type StoredNames<F> = { [K in keyof F]: SpecOf<F[K]>['kind'] extends 'manyToMany' | 'virtual' ? never : K }[keyof F] &
  string

/** A row as code sees it: every field but links and write-only ones. */
export type Row<M> = Simplify<{ [K in VisibleNames<ShapeOf<M>>]: ValueOf<ShapeOf<M>[K]> }>
/** A row with the write-only fields too: what `fields` can ask for. */
export type FullRow<M> = Simplify<{ [K in ColumnNames<ShapeOf<M>>]: ValueOf<ShapeOf<M>[K]> }>
/** The stored columns as they are in the database's own types, for typed SQL. */
export type StoredFieldNames<M> = StoredNames<ShapeOf<M>>

type InputValue<F> =
  SpecOf<F> extends infer S extends FieldSpec
    ? S['kind'] extends 'manyToMany'
      ? readonly Key<S['target']>[]
      : S['kind'] extends 'timestamp'
        ? Date | string | (S['nullable'] extends true ? null : never)
        : ValueOf<F>
    : never

type InsertNames<F> = { [K in keyof F]: SpecOf<F[K]>['kind'] extends 'virtual' ? never : K }[keyof F] & string
type RequiredNames<F> = { [K in keyof F]: SpecOf<F[K]>['given'] extends 'required' ? K : never }[keyof F] &
  InsertNames<F>
type SystemNames<F> = { [K in keyof F]: SpecOf<F[K]>['given'] extends 'system' ? K : never }[keyof F] & string

/** The names of fields that a user may give. */
export type WritableNames<F> = Exclude<InsertNames<F>, SystemNames<F>>

export type InsertOf<F> = Simplify<
  { [K in RequiredNames<F>]: InputValue<F[K & keyof F]> } & {
    [K in Exclude<InsertNames<F>, RequiredNames<F>>]?: InputValue<F[K & keyof F]>
  }
>
/** What a validator of an insert gives: as code has it. */
export type InsertedOf<F> = Simplify<
  { [K in RequiredNames<F>]: ReadValue<F[K & keyof F]> } & {
    [K in Exclude<InsertNames<F>, RequiredNames<F>>]?: ReadValue<F[K & keyof F]>
  }
>
export type PatchedOf<F> = { [K in InsertNames<F>]?: ReadValue<F[K & keyof F]> | LinkChange<F[K & keyof F]> }

type ReadValue<F> =
  SpecOf<F> extends infer S extends FieldSpec
    ? S['kind'] extends 'manyToMany'
      ? readonly Key<S['target']>[]
      : ValueOf<F>
    : never

export type PatchOf<F> = { [K in InsertNames<F>]?: InputValue<F[K & keyof F]> | LinkChange<F[K & keyof F]> }

/** Links that come and go, where the whole list is not to be replaced. */
type LinkChange<F> =
  SpecOf<F> extends infer S extends FieldSpec
    ? S['kind'] extends 'manyToMany'
      ? { add?: readonly Key<S['target']>[]; remove?: readonly Key<S['target']>[] }
      : never
    : never

/** What an insert takes. Fields that only the system may set are optional here and refused at run time to a user. */
export type Insert<M> = InsertOf<ShapeOf<M>>
/** What an update takes. */
export type Patch<M> = PatchOf<ShapeOf<M>>

/** The models of one definition, by the name that the code gives them. */
export type Models = Record<string, AnyModel>

/** One way from a model to another: `many` says whether it leads to a list. */
export interface RelationType {
  to: unknown
  many: boolean
  nullable: boolean
}

type OwnRelations<M> = {
  [K in keyof ShapeOf<M> as SpecOf<ShapeOf<M>[K]>['kind'] extends 'ref' | 'manyToMany' ? K & string : never]: {
    to: SpecOf<ShapeOf<M>[K]>['target']
    many: SpecOf<ShapeOf<M>[K]>['kind'] extends 'manyToMany' ? true : false
    nullable: SpecOf<ShapeOf<M>[K]>['nullable']
  }
}

type Inverse<From, F, M> =
  SpecOf<F> extends infer S extends FieldSpec
    ? S['kind'] extends 'ref' | 'manyToMany'
      ? NameOf<S['target']> extends NameOf<M>
        ? string extends S['inverse']
          ? never
          : {
              name: S['inverse']
              to: From
              many: S['kind'] extends 'manyToMany' ? true : S['unique'] extends true ? false : true
              nullable: true
            }
        : never
      : never
    : never

type InverseUnion<Ms, M> = {
  [N in keyof Ms]: { [K in keyof ShapeOf<Ms[N]>]: Inverse<Ms[N], ShapeOf<Ms[N]>[K], M> }[keyof ShapeOf<Ms[N]>]
}[keyof Ms]

/** Every relation of a model: its own references and links, and those that other models declare with `inverse`. */
export type Relations<Ms, M> = OwnRelations<M> & {
  [R in InverseUnion<Ms, M> as R extends { name: infer N extends string } ? N : never]: R
}

export type FieldOf<M, K extends keyof ShapeOf<M>> = ShapeOf<M>[K] extends Field<infer S> ? S : never
