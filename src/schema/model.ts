import { checkOptions, MonoblocError } from '../errors.ts'
import { Field } from './field.ts'
import type { JsonSchema } from './kind.ts'
import { rowJsonSchema } from './kinds.ts'
import { type InputValidator, inputOf, patchOf } from './model-input.ts'
import { isFieldName, isName } from './name.ts'
import type { InsertedOf, PatchedOf, WritableNames } from './types.ts'

/** Loose, because a constraint would make TypeScript resolve every getter while the model is still being declared. */
export type Shape = Record<string, any>

/** An index over fields of a model. A name with dots reaches into a json field: `data.address.city`. */
export interface IndexOptions<Names extends string = string> {
  fields: readonly (Names | `${Names}.${string}`)[]
  unique?: boolean
  /** A partial index: only rows that match this filter. Only own columns and constants. */
  where?: Record<string, unknown>
}

export interface ModelOptions<F extends Shape = Shape, K extends string = string> {
  /** The fields that make the key. Default: the one `id` or `serial` field. */
  key?: readonly K[]
  indexes?: readonly (readonly (keyof F & string)[] | IndexOptions<keyof F & string>)[]
  /** Text fields of the full-text index. */
  search?: readonly (keyof F & string)[]
  /** Named filters over own columns that every row must satisfy, kept as CHECK constraints. */
  checks?: Record<string, Record<string, unknown>>
  /** What this model was called before: its table is renamed with everything in it, where it would be made anew. */
  renamedFrom?: string
}

const known = {
  key: true,
  indexes: true,
  search: true,
  checks: true,
  renamedFrom: true,
} satisfies Record<keyof ModelOptions, true>

export type AnyModel = Model<any, any, any>

/**
 * A model: pure data that says what rows of a table are. TypeScript types, validation, JSON Schema and the table come
 * from it. Create it with `model()`.
 */
export class Model<N extends string = string, F extends Shape = Shape, K extends string = never> {
  readonly name: N
  readonly shape: F
  readonly options: ModelOptions<F, K>
  declare readonly '~key': K
  #fields: Map<string, Field> | undefined
  #key: readonly string[] | undefined
  #inputs = new Map<string, InputValidator>()

  constructor(name: N, shape: F, options: ModelOptions<F, K>) {
    this.name = name
    this.shape = shape
    this.options = options
  }

  /** The fields by name, in order. Read for the first time after every model exists, because getters may refer forward. */
  get fields(): Map<string, Field> {
    this.#fields ??= resolveFields(this.name, this.shape)
    return this.#fields
  }

  /** The names of the key's fields. */
  get key(): readonly string[] {
    this.#key ??= this.options.key ?? this.#soleKey()
    return this.#key
  }

  #soleKey(): readonly string[] {
    const found = [...this.fields].filter(([, field]) => field.kind === 'id' || field.kind === 'serial')
    if (found.length !== 1) {
      throw new MonoblocError('definition_invalid', {
        subject: this.name,
        detail: `Model ${this.name} needs one id or serial field, or options.key.`,
      })
    }
    return [found[0]![0]]
  }

  /** JSON Schema 2020-12 of a row as it leaves; those of what comes in are told by `input` and `patch`. */
  jsonSchema(): JsonSchema {
    return rowJsonSchema(this)
  }

  /**
   * A validator (Standard Schema; a Zod object) of what an insert takes: all that a user may give, or only the named
   * fields. Unknown keys are refused.
   */
  input<const Names extends WritableNames<F> = WritableNames<F>>(
    ...names: Names[]
  ): InputValidator<Pick<InsertedOf<F>, Names & keyof InsertedOf<F>>> {
    return this.#cached('input', names, inputOf) as never
  }

  /** As `input`, with every field optional and nothing filled in: what an update takes. */
  patch<const Names extends WritableNames<F> = WritableNames<F>>(
    ...names: Names[]
  ): InputValidator<Pick<PatchedOf<F>, Names & keyof PatchedOf<F>>> {
    return this.#cached('patch', names, patchOf) as never
  }

  #cached(
    kind: string,
    names: readonly string[],
    make: (model: AnyModel, names: readonly string[]) => InputValidator,
  ): InputValidator {
    const id = `${kind}:${names.join()}`
    let made = this.#inputs.get(id)
    if (!made) {
      made = make(this, names)
      this.#inputs.set(id, made)
    }
    return made
  }
}

/**
 * Declares a model.
 *
 * @param name the table's name: a letter, then letters, digits and `_`; at most 58 characters
 * @param shape the fields by name; a getter where models refer to each other
 * @throws MonoblocError `definition_invalid`
 */
export function model<const N extends string, F extends Shape, const K extends keyof F & string = never>(
  name: N,
  shape: F,
  options: ModelOptions<F, K> = {},
): Model<N, F, K> {
  if (!isName(name)) {
    throw new MonoblocError('definition_invalid', {
      subject: name,
      detail: `"${name}" can't name a model: use a letter, then letters, digits and _, at most 58 characters.`,
    })
  }
  checkOptions(`model("${name}")`, options, known)
  return new Model(name, shape, options)
}

function resolveFields(name: string, shape: Shape): Map<string, Field> {
  const fields = new Map<string, Field>()
  const known = new Set<string>()
  for (const key of Object.keys(shape)) {
    const field = shape[key]
    const invalid = (detail: string) => new MonoblocError('definition_invalid', { subject: name, detail })
    if (!(field instanceof Field)) throw invalid(`${name}.${key} is not a field.`)
    if (!isFieldName(key)) throw invalid(`"${key}" can't name a field of ${name}.`)
    // Databases do not tell the case of a column's name.
    if (known.has(key.toLowerCase())) throw invalid(`${name}.${key} differs from another field in case only.`)
    known.add(key.toLowerCase())
    fields.set(key, field)
  }
  return fields
}
