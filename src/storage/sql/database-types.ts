import type { ColumnType } from 'kysely'
import type { FieldSpec, NameOf, ShapeOf, SpecOf, StoredFieldNames, ValueOf } from '../../schema/index.ts'

/**
 * Columns as an engine stores them, of which code that runs on one engine meets one form. Booleans are 0 and 1 on SQLite.
 * Decimals are whole numbers there, in units of their last digit, and text on PostgreSQL. Instants are text. Documents are
 * written as text, and read as text on SQLite and as values on PostgreSQL.
 */
type StoredValue<S extends FieldSpec, Held> = S['kind'] extends 'boolean'
  ? boolean | 0 | 1
  : S['kind'] extends 'bigint'
    ? number | bigint
    : S['kind'] extends 'decimal'
      ? number | bigint | string
      : S['kind'] extends 'timestamp'
        ? string
        : S['kind'] extends 'json'
          ? any
          : Held

type Stored<F> = StoredValue<SpecOf<F>, Exclude<ValueOf<F>, null>> | (SpecOf<F>['nullable'] extends true ? null : never)

// Only serial keys and constant defaults are filled in by the database; what Monobloc makes itself must be given here.
type Column<F> = SpecOf<F>['kind'] extends 'serial'
  ? ColumnType<number, number | undefined, never>
  : SpecOf<F>['nullable'] extends true
    ? ColumnType<Stored<F>, Stored<F> | undefined, Stored<F>>
    : Stored<F>

type ModelTable<M> = { [K in StoredFieldNames<M> & keyof ShapeOf<M>]: Column<ShapeOf<M>[K]> }

type ModelTables<Ms> = { [N in keyof Ms as NameOf<Ms[N]>]: ModelTable<Ms[N]> }

type LinkNames<M> = {
  [K in keyof ShapeOf<M>]: SpecOf<ShapeOf<M>[K]>['kind'] extends 'manyToMany' ? K : never
}[keyof ShapeOf<M>] &
  string
type LinkTarget<M, K> = K extends keyof ShapeOf<M> ? SpecOf<ShapeOf<M>[K]>['target'] : never
type FarColumn<M, K extends string> =
  NameOf<LinkTarget<M, K>> extends NameOf<M> ? `${NameOf<M>}_${K}` : NameOf<LinkTarget<M, K>>

type LinkTables<Ms> = {
  [N in keyof Ms]: {
    [K in LinkNames<Ms[N]> as `${NameOf<Ms[N]>}_${K}`]: { [C in NameOf<Ms[N]> | FarColumn<Ms[N], K>]: any }
  }
}[keyof Ms]

type Merged<U> = (U extends unknown ? (one: U) => void : never) extends (all: infer A) => void ? A : never

/** The tables of a definition, models and links, for typed SQL (Kysely): by table name, with columns as they are stored. */
export type Database<Ms> = ModelTables<Ms> & Merged<LinkTables<Ms>>
