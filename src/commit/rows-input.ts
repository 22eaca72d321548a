import { MonoblocError, type Violation } from '../errors.ts'
import {
  type AnyModel,
  type Field,
  fieldReader,
  isOptional,
  ModelReader,
  patchReader,
  violationsOf,
  writableFields,
} from '../schema/index.ts'
import type { AnyRow } from '../storage/index.ts'
import { ownFault } from './own-fault.ts'

export type WriteKind = 'insert' | 'patch'
type Path = readonly (string | number)[]

interface Readers {
  insert: ModelReader
  patch: ModelReader
  /** Any of the fields of an insert: for what a hook changed of it. */
  part: ModelReader
  /** Fields that only the system may give. */
  system: ReadonlySet<string>
  /** Those of them that must be given all the same: by the system or by a hook. */
  required: readonly string[]
}

const known = new WeakMap<AnyModel, Readers>()

function readersOf(model: AnyModel): Readers {
  let found = known.get(model)
  if (!found) {
    const fields = [...(model.fields as Map<string, Field>)].filter(([, field]) => field.kind !== 'virtual')
    const writable = new Set(writableFields(model))
    const system = fields.filter(([name]) => !writable.has(name))
    const whole = fields.map(([name, field]) => ({
      name,
      read: fieldReader(field),
      optional: !writable.has(name) || isOptional(field),
    }))
    found = {
      insert: new ModelReader(whole),
      patch: new ModelReader(fields.map(([name, field]) => ({ name, read: patchReader(field), optional: true }))),
      part: new ModelReader(whole.map((field) => ({ ...field, optional: true }))),
      system: new Set(system.map(([name]) => name)),
      required: system.filter(([, field]) => !isMade(field) && !isOptional(field)).map(([name]) => name),
    }
    known.set(model, found)
  }
  return found
}

// Monobloc or the database makes a value where none is given.
function isMade({ kind, options }: Field): boolean {
  return kind === 'id' || kind === 'serial' || options.automatic !== undefined
}

/**
 * Checks what is about to be written and gives it normalised.
 *
 * @param asUser refuses the fields that only the system may set
 * @throws MonoblocError `validation_failed` with every violation, `call_invalid` for fields that the model does not have
 */
export function validated(model: AnyModel, kind: WriteKind, input: unknown, asUser: boolean, at: Path = []): AnyRow {
  const readers = readersOf(model)
  const result = readers[kind].read(input)
  const violations = result.issues ? violationsOf(result.issues, at, input) : []
  if (asUser) violations.push(...givenToTheSystem(input, readers.system, at))
  if (violations.length > 0) throw invalid(model, violations, at)
  return (result as { value: AnyRow }).value
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
 * @throws MonoblocError `validation_failed`, `call_invalid`
 */
export function revalidated(model: AnyModel, kind: WriteKind, checked: AnyRow, made: AnyRow): AnyRow {
  const isKept = ([name, value]: [string, unknown]) => Object.hasOwn(checked, name) && value === checked[name]
  const entries = Object.entries(made)
  const changed = Object.fromEntries(entries.filter((entry) => !isKept(entry)))
  const result = readersOf(model)[kind === 'insert' ? 'part' : 'patch'].read(changed)
  if (result.issues) throw invalid(model, violationsOf(result.issues, [], changed))
  return { ...Object.fromEntries(entries.filter(isKept)), ...result.value }
}

/**
 * Sees that an insert has all it needs once hooks have run.
 *
 * @throws MonoblocError `validation_failed`
 */
export function checkComplete(model: AnyModel, values: AnyRow): void {
  const missing = readersOf(model).required.filter((name) => values[name] === undefined)
  if (missing.length === 0) return
  throw invalid(
    model,
    missing.map((name) => ({ path: [name], code: 'required', message: 'is required' })),
  )
}

// What a client sent has passed the schema of its endpoint: a field that is none was put there by code.
function invalid(model: AnyModel, violations: Violation[], at: Path = []): MonoblocError {
  const unknown = violations.filter(({ code, path }) => code === 'unknown_field' && path.length === at.length + 1)
  if (unknown.length > 0) return ownFault(model, unknown)
  return new MonoblocError('validation_failed', { subject: model.name, violations })
}
