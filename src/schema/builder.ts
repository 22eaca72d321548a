import { MonoblocError } from '../errors.ts'
import { type Duration, millisecondsOf } from './duration.ts'
import { Field, type FieldSpec } from './field.ts'
import type { AnyModel } from './model.ts'
import type { InferOutput, StandardSchemaV1 } from './standard-schema.ts'

export interface Plain<Kind extends FieldSpec['kind'], Value> extends FieldSpec {
  kind: Kind
  value: Value
  nullable: false
  given: 'required'
  visible: true
  unique: false
  target: undefined
  inverse: string
}

export interface Automatic<Kind extends FieldSpec['kind'], Value> extends FieldSpec {
  kind: Kind
  value: Value
  nullable: false
  given: 'system'
  visible: true
  unique: false
  target: undefined
  inverse: string
}

export interface DeletedAt extends FieldSpec {
  kind: 'timestamp'
  value: Date
  nullable: true
  given: 'system'
  visible: true
  unique: false
  target: undefined
  inverse: string
}

export interface Generated<Kind extends FieldSpec['kind'], Value> extends FieldSpec {
  kind: Kind
  value: Value
  nullable: false
  given: 'system'
  visible: true
  unique: true
  target: undefined
  inverse: string
}

export interface ToOne<Target, Inverse extends string> extends FieldSpec {
  kind: 'ref'
  value: unknown
  nullable: false
  given: 'required'
  visible: true
  unique: false
  target: Target
  inverse: Inverse
}

export interface ToMany<Target, Inverse extends string> extends FieldSpec {
  kind: 'manyToMany'
  value: never
  nullable: false
  given: 'optional'
  visible: true
  unique: false
  target: Target
  inverse: Inverse
}

function plain<Kind extends FieldSpec['kind'], Value>(kind: Kind) {
  return () => new Field<Plain<Kind, Value>>(kind)
}

/** The fields a model is made of. */
export const t = {
  /** A key made by Monobloc: a UUID version 7 (RFC 9562), a string of 36 lower-case characters that sorts by creation. */
  id: () => new Field<Generated<'id', string>>('id'),
  /** A key made by the database: 1, 2, 3, … Never used twice. */
  serial: () => new Field<Generated<'serial', number>>('serial'),
  /** Text of any length, without U+0000 and lone surrogates. Compared by code point. */
  text: plain<'text', string>('text'),
  /** An e-mail address in ASCII (RFC 5321), at most 254 characters. Kept as written: add `.lowerCase()` for a unique one. */
  email: plain<'email', string>('email'),
  /** An absolute http or https URL, letters of any script included, at most 2,048 characters. Kept as written. */
  url: plain<'url', string>('url'),
  /** Lower-case letters and digits of any script in groups separated by single hyphens, at most 200 characters. */
  slug: plain<'slug', string>('slug'),
  /** A whole number within ±(2^53 - 1). */
  integer: plain<'integer', number>('integer'),
  /** A whole number within 64 bits: a bigint in code, a string in JSON. */
  bigint: plain<'bigint', bigint>('bigint'),
  /** An exact decimal, a string everywhere: `t.decimal(10, 2)` holds up to 99999999.99. Overflow is an error, never rounding. */
  decimal: (precision: number, scale: number) => {
    // 18 digits fit a signed 64-bit integer, which is how engines without an exact decimal keep it.
    if (
      !Number.isInteger(precision) ||
      precision < 1 ||
      precision > 18 ||
      !Number.isInteger(scale) ||
      scale < 0 ||
      scale > precision
    ) {
      throw new MonoblocError('definition_invalid', {
        detail: `t.decimal(${precision}, ${scale}): 1 to 18 digits, of which 0 to all after the point.`,
      })
    }
    return new Field<Plain<'decimal', string>>('decimal', { precision, scale })
  },
  /** A finite IEEE 754 double. */
  float: plain<'float', number>('float'),
  boolean: plain<'boolean', boolean>('boolean'),
  /** A calendar day, `2026-11-22`, a string everywhere. Years 0001 to 9999. */
  date: plain<'date', string>('date'),
  /** An instant in UTC with milliseconds: a Date in code, RFC 3339 with `Z` in JSON. Years 0001 to 9999. */
  timestamp: plain<'timestamp', Date>('timestamp'),
  enum: <const Value extends string>(...values: [Value, ...Value[]]) =>
    new Field<Plain<'enum', Value>>('enum', { values }),
  /** A JSON document, of any shape or of the shape that a schema (Zod, or any Standard Schema) says. */
  json: <S extends StandardSchemaV1 = StandardSchemaV1<unknown, unknown>>(schema?: S) =>
    new Field<Plain<'json', InferOutput<S>>>('json', { schema }),
  /** Bytes: a Uint8Array in code, base64 in JSON. */
  bytes: plain<'bytes', Uint8Array>('bytes'),
  /**
   * A reference: this row holds the other's key. `inverse` names the way back, a list on the other model (or one row
   * when the reference is `.unique()`).
   */
  ref: <M extends AnyModel, const Inverse extends string = string>(target: M, options: { inverse?: Inverse } = {}) =>
    new Field<ToOne<M, Inverse>>('ref', { target, inverse: options.inverse }),
  /** Links to many rows of another model, kept in a table of their own. Given and replaced as a list of keys. */
  manyToMany: <M extends AnyModel, const Inverse extends string = string>(
    target: M,
    options: { inverse?: Inverse } = {},
  ) => new Field<ToMany<M, Inverse>>('manyToMany', { target, inverse: options.inverse }),
  /** The instant of the insert. */
  createdAt: () => new Field<Automatic<'timestamp', Date>>('timestamp', { automatic: 'createdAt', readOnly: true }),
  /** The instant of the last change; each change moves it forward, within one millisecond too. */
  updatedAt: () => new Field<Automatic<'timestamp', Date>>('timestamp', { automatic: 'updatedAt', readOnly: true }),
  /**
   * Soft delete: `db.delete` sets it, and hides the row from every read, filter, count and unique constraint that does not
   * say `withDeleted`. An update as the system that sets it to null brings the row back. References to the row stay;
   * ON DELETE rules apply when it is deleted for good: by `db.delete(…, { purge: true })`, or so long afterwards as
   * `purgeAfter` says (`'30d'`; default: never).
   */
  deletedAt: ({ purgeAfter }: { purgeAfter?: Duration } = {}) =>
    new Field<DeletedAt>('timestamp', {
      automatic: 'deletedAt',
      readOnly: true,
      nullable: true,
      purgeAfter: purgeAfter === undefined ? undefined : millisecondsOf(purgeAfter),
    }),
  /**
   * 1 on insert, one more with each update by `db` or by HTTP (not by raw SQL). `db.update(…, { version })` holds a change
   * to it, and so does `If-Match` with the ETag of a row that was read with `fields` or `include`. The ETag of a plain
   * read is its content's, whether the model counts versions or not.
   */
  version: () => new Field<Automatic<'integer', number>>('integer', { automatic: 'version', readOnly: true }),
  /** Computed from the row when it is read, never stored; the schema says its type. */
  virtual: <S extends StandardSchemaV1>(schema: S, compute: (row: Record<string, any>) => InferOutput<S>) =>
    new Field<Automatic<'virtual', InferOutput<S>>>('virtual', { schema, compute, readOnly: true }),
}
