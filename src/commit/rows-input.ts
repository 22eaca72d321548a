import { z } from 'zod'
import { MonoblocError, type Violation } from '../errors.ts'
import {
  type AnyModel,
  type Field,
  fieldValidator,
  inputField,
  patchField,
  violationsOf,
  writableFields,
} from '../schema/index.ts'
import type { AnyRow } from '../storage/index.ts'

export type WriteKind = 'insert' | 'patch'
type Path = readonly (string | number)[]

interface Validators {
  insert: z.ZodObject
  patch: z.ZodObject
  /** Fields that only the system may give. */
  system: ReadonlySet<string>
  /** Those of them that must be given all the same: by the system or by a hook. */
  required: readonly string[]
}

const validators = new WeakMap<AnyModel, Validators>()

function validatorsOf(model: AnyModel): Validators {
  let found = validators.get(model)
  if (!found) {
    const fields = [...(model.fields as Map<string, Field>)].filter(([, field]) => field.kind !== 'virtual')
    const writable = new Set(writableFields(model))
    const system = fields.filter(([name]) => !writable.has(name))
    found = {
      insert: z.strictObject(
        Object.fromEntries(
          fields.map(([name, field]) => [
            name,
            writable.has(name) ? inputField(field) : fieldValidator(field).optional(),
          ]),
        ),
      ),
      patch: z.strictObject(Object.fromEntries(fields.map(([name, field]) => [name, patchField(field)]))),
      system: new Set(system.map(([name]) => name)),
      required: system.filter(([, field]) => isRequired(field)).map(([name]) => name),
    }
    validators.set(model, found)
  }
  return found
}

function isRequired({ kind, options }: Field): boolean {
  const made = kind === 'id' || kind === 'serial' || kind === 'manyToMany' || options.automatic !== undefined
  return !made && !options.nullable && options.default === undefined
}

/**
 * Checks what is about to be written and gives it normalised.
 *
 * @param asUser refuses the fields that only the system may set
 * @throws MonoblocError `validation_failed` with every violation
 */
export function validated(model: AnyModel, kind: WriteKind, input: unknown, asUser: boolean, at: Path = []): AnyRow {
  const { system, ...schemas } = validatorsOf(model)
  const result = schemas[kind].safeParse(input)
  const violations = result.success ? [] : violationsOf(result.error.issues, at, input)
  if (asUser) violations.push(...givenToTheSystem(input, system, at))
  if (violations.length > 0) throw invalid(model, violations)
  return result.data as AnyRow
}

function givenToTheSystem(input: unknown, system: ReadonlySet<string>, at: Path): Violation[] {
  if (typeof input !== 'object' || input === null) return []
  return Object.entries(input)
    .filter(([name, value]) => system.has(name) && value !== undefined)
    .map(([name]) => ({ path: [...at, name], code: 'read_only', message: 'is set by the system' }))
}

/**
 * What hooks made of a write that had been checked. Only what they changed is checked again: a value must not be
 * normalised twice.
 *
 * @throws MonoblocError `validation_failed`
 */
export function revalidated(model: AnyModel, kind: WriteKind, checked: AnyRow, made: AnyRow): AnyRow {
  const { patch, insert } = validatorsOf(model)
  const schema = kind === 'insert' ? insert.partial() : patch
  const changed = Object.entries(made).filter(([name, value]) => value !== checked[name])
  const kept = Object.entries(made).filter(([name, value]) => value === checked[name])
  const result = schema.safeParse(Object.fromEntries(changed))
  if (!result.success) throw invalid(model, violationsOf(result.error.issues))
  return { ...Object.fromEntries(kept), ...result.data }
}

/**
 * Sees that an insert has all it needs once hooks have run.
 *
 * @throws MonoblocError `validation_failed`
 */
export function checkComplete(model: AnyModel, values: AnyRow): void {
  const missing = validatorsOf(model).required.filter((name) => values[name] === undefined)
  if (missing.length === 0) return
  throw invalid(
    model,
    missing.map((name) => ({ path: [name], code: 'required', message: 'is required' })),
  )
}

function invalid(model: AnyModel, violations: Violation[]): MonoblocError {
  return new MonoblocError('validation_failed', { subject: model.name, violations })
}
