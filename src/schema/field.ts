import { MonoblocError } from '../errors.ts'
import { checkBounds } from './field-bounds.ts'
import type { AnyModel } from './model.ts'
import type { StandardSchemaV1 } from './standard-schema.ts'

/** The kinds of field. `ref` is a column that holds another row's key; `manyToMany` a link table; `virtual` no column. */
export type FieldKind =
  | 'id'
  | 'serial'
  | 'text'
  | 'email'
  | 'url'
  | 'slug'
  | 'integer'
  | 'bigint'
  | 'decimal'
  | 'float'
  | 'boolean'
  | 'date'
  | 'timestamp'
  | 'enum'
  | 'json'
  | 'bytes'
  | 'ref'
  | 'manyToMany'
  | 'virtual'

export const textKinds: readonly FieldKind[] = ['text', 'email', 'url', 'slug']
export const numberKinds: readonly FieldKind[] = ['serial', 'integer', 'bigint', 'decimal', 'float']
const boundedKinds: readonly FieldKind[] = [...textKinds, 'integer', 'bigint', 'decimal', 'float', 'bytes']
/** Keys that are made, not given. */
type MadeKind = 'id' | 'serial'
/** Fields without a column of their own. */
type FarKind = 'manyToMany' | 'virtual'
const madeKinds: readonly FieldKind[] = ['id', 'serial']
const farKinds: readonly FieldKind[] = ['manyToMany', 'virtual']

/** What the database does with rows that refer to a deleted row. */
export type OnDelete = 'restrict' | 'cascade' | 'set null'

/** What TypeScript knows of a field; it exists in types only. */
export interface FieldSpec {
  kind: FieldKind
  /** The value in a row, null aside. For relations it is derived from `target`. */
  value: unknown
  nullable: boolean
  /** In an insert: `required`, `optional`, or `system` (set by Monobloc or by the system, never by a user). */
  given: 'required' | 'optional' | 'system'
  /** False for a write-only field: no row shows it unless the system asks for it by name. */
  visible: boolean
  unique: boolean
  target: unknown
  inverse: string
}

// A mapped type, because it is resolved member by member: models that refer to each other must not need one another's
// whole type to know their own.
type With<S extends FieldSpec, Change extends Partial<FieldSpec>> = {
  [K in keyof FieldSpec]: K extends keyof Change ? (Change[K] extends FieldSpec[K] ? Change[K] : never) : S[K]
}
type Only<S extends FieldSpec, Kinds extends FieldKind> = S['kind'] extends Kinds ? Field<S> : never
type Except<S extends FieldSpec, Kinds extends FieldKind> = S['kind'] extends Kinds ? never : Field<S>

export interface FieldOptions {
  nullable: boolean
  unique: boolean
  readOnly: boolean
  writeOnly: boolean
  /** A constant goes into the database too; a function runs for each insert. */
  default: { value: unknown } | { make: () => unknown } | undefined
  /** Set by Monobloc itself on insert (for `updatedAt` and `version` on each update, for `deletedAt` on delete). */
  automatic: 'createdAt' | 'updatedAt' | 'version' | 'deletedAt' | undefined
  /** Milliseconds after which rows whose `deletedAt` is set are deleted for good. */
  purgeAfter: number | undefined
  /** Length in code points for text, bytes for `bytes`, the value for numbers; inclusive. That of `decimal` is a string. */
  min: number | bigint | string | undefined
  max: number | bigint | string | undefined
  pattern: RegExp | undefined
  /** Operators of the filter language that every value must satisfy, kept as CHECK constraints too. */
  checks: Record<string, unknown>[]
  trim: boolean
  lowerCase: boolean
  html: boolean
  values: readonly string[]
  precision: number
  scale: number
  schema: StandardSchemaV1 | undefined
  target: AnyModel | undefined
  inverse: string | undefined
  onDelete: OnDelete
  compute: ((row: Record<string, any>) => unknown) | undefined
  renamedFrom: string | undefined
}

const noOptions: FieldOptions = {
  nullable: false,
  unique: false,
  readOnly: false,
  writeOnly: false,
  default: undefined,
  automatic: undefined,
  purgeAfter: undefined,
  min: undefined,
  max: undefined,
  pattern: undefined,
  checks: [],
  trim: false,
  lowerCase: false,
  html: false,
  values: [],
  precision: 0,
  scale: 0,
  schema: undefined,
  target: undefined,
  inverse: undefined,
  onDelete: 'restrict',
  compute: undefined,
  renamedFrom: undefined,
}

type TextKind = 'text' | 'email' | 'url' | 'slug'
type NumberKind = 'integer' | 'float'
type ExactKind = 'bigint' | 'decimal'
type BoundOf<S extends FieldSpec> = S['kind'] extends ExactKind ? S['value'] : number

/**
 * One field of a model. Immutable: each modifier returns a new field, whose type carries the change.
 * Modifiers that make no sense for a kind do not compile and throw `definition_invalid`.
 */
export class Field<S extends FieldSpec = FieldSpec> {
  declare readonly '~spec': S
  readonly kind: S['kind']
  readonly options: FieldOptions

  constructor(kind: S['kind'], options: Partial<FieldOptions> = {}) {
    this.kind = kind
    this.options = { ...noOptions, ...options }
    checkBounds(kind, this.options)
  }

  /** Null is allowed, and is what a missing value becomes. */
  nullable(
    this: Except<S, MadeKind | FarKind>,
  ): Field<With<S, { nullable: true; given: S['given'] extends 'required' ? 'optional' : S['given'] }>> {
    return own(this).#except('nullable', [...madeKinds, ...farKinds], { nullable: true })
  }

  /** The value of an insert that gives none: a constant, or a function called for each insert. */
  default(
    this: Except<S, MadeKind | FarKind>,
    value: DefaultOf<S> | (() => DefaultOf<S>),
  ): Field<With<S, { given: S['given'] extends 'required' ? 'optional' : S['given'] }>> {
    const given = typeof value === 'function' ? { make: value as () => unknown } : { value }
    return own(this).#except('default', [...madeKinds, ...farKinds], { default: given })
  }

  /** No two rows share a value (nulls aside). On a `ref` it makes the relation one-to-one. */
  unique(this: Except<S, FarKind | 'json'>): Field<With<S, { unique: true }>> {
    return own(this).#except('unique', [...farKinds, 'json'], { unique: true })
  }

  /**
   * Operators of the filter language that every value must satisfy. Monobloc checks it with everything else that is wrong,
   * and the database holds everyone else to it by a CHECK.
   */
  check(this: Except<S, FarKind>, operators: Record<string, unknown>): Field<S> {
    return own(this).#except('check', farKinds, { checks: [...own(this).options.checks, operators] })
  }

  /** Set by the system only (`db.asSystem()` or a hook): never by a user, whatever the policy. */
  readOnly(): Field<With<S, { given: 'system' }>> {
    return this.#with({ readOnly: true })
  }

  /** Left out of every row and answer, unless the system asks for it by name in `fields`. */
  writeOnly(this: Except<S, MadeKind | FarKind>): Field<With<S, { visible: false }>> {
    return own(this).#except('writeOnly', [...madeKinds, ...farKinds], { writeOnly: true })
  }

  /** Smallest value (numbers), or least length in code points (text) or bytes. Inclusive. */
  min(this: Only<S, TextKind | NumberKind | ExactKind | 'bytes'>, bound: BoundOf<S>): Field<S> {
    return own(this).#only('min', boundedKinds, { min: bound as number })
  }

  /** Greatest value (numbers), or greatest length in code points (text) or bytes. Inclusive. */
  max(this: Only<S, TextKind | NumberKind | ExactKind | 'bytes'>, bound: BoundOf<S>): Field<S> {
    return own(this).#only('max', boundedKinds, { max: bound as number })
  }

  /** A regular expression, read by code point (`u`) where it can be. Monobloc checks it; the database does not. */
  pattern(this: Only<S, TextKind>, pattern: RegExp): Field<S> {
    return own(this).#only('pattern', textKinds, { pattern })
  }

  /** White space at both ends is removed before validation. */
  trim(this: Only<S, TextKind>): Field<S> {
    return own(this).#only('trim', textKinds, { trim: true })
  }

  /** Made lower case before validation. */
  lowerCase(this: Only<S, TextKind>): Field<S> {
    return own(this).#only('lowerCase', textKinds, { lowerCase: true })
  }

  /** HTML, sanitised on the way in: scripts, handlers and unknown elements are removed. Needs the `sanitize-html` package. */
  html(this: Only<S, 'text'>): Field<S> {
    return own(this).#only('html', ['text'], { html: true })
  }

  /** What happens to this row when the row it refers to is deleted. Default: `restrict`. */
  onDelete(this: Only<S, 'ref'>, rule: OnDelete): Field<S> {
    return own(this).#only('onDelete', ['ref'], { onDelete: rule })
  }

  /**
   * What this field was called before: its column (or link table) is renamed with everything in it, where it would be made
   * anew. May stay, or go when no database has the old name.
   */
  renamedFrom(name: string): Field<S> {
    return this.#with({ renamedFrom: name })
  }

  #only(modifier: string, kinds: readonly FieldKind[], change: Partial<FieldOptions>): Field<S> {
    if (!kinds.includes(this.kind)) throw misplaced(modifier, this)
    return this.#with(change)
  }

  #except<R extends FieldSpec>(modifier: string, kinds: readonly FieldKind[], change: Partial<FieldOptions>): Field<R> {
    const made = this.options.automatic && (modifier === 'nullable' || modifier === 'default')
    if (made || kinds.includes(this.kind)) throw misplaced(modifier, this)
    return this.#with(change)
  }

  #with<R extends FieldSpec>(change: Partial<FieldOptions>): Field<R> {
    return new Field<R>(this.kind, { ...this.options, ...change })
  }
}

// `this` is a conditional type in modifiers that not every kind has, through which TypeScript sees no members.
function own<S extends FieldSpec>(field: Field<S> | never): Field<S> {
  return field
}

function misplaced(modifier: string, { kind }: { kind: FieldKind }): MonoblocError {
  return new MonoblocError('definition_invalid', { detail: `.${modifier}() does not go with a ${kind} field.` })
}

type DefaultOf<S extends FieldSpec> = S['kind'] extends 'ref'
  ? string | number
  : S['nullable'] extends true
    ? S['value'] | null
    : S['value']
