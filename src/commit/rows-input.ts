import { z } from 'zod'
import { MonoblocError } from '../errors.ts'
import { type AnyModel, type Field, fieldValidator, inputField, patchField, violationsOf } from '../schema/index.ts'
import type { AnyRow } from '../storage/index.ts'

interface Validators {
  insert: z.ZodType
  patch: z.ZodType
  /** Fields that only the system may give. */
  system: ReadonlySet<string>
}

const validators = new WeakMap<AnyModel, Validators>()

function validatorsOf(model: AnyModel): Validators {
  let found = validators.get(model)
  if (!found) {
    const fields = [...(model.fields as Map<string, Field>)].filter(([, field]) => field.kind !== 'virtual')
    const isGiven = (field: Field) => field.options.readOnly || field.kind === 'id' || field.kind === 'serial'
    found = {
      insert: z.strictObject(
        Object.fromEntries(
          fields.map(([name, field]) => [name, isMade(field) ? fieldValidator(field).optional() : inputField(field)]),
        ),
      ),
      patch: z.strictObject(Object.fromEntries(fields.map(([name, field]) => [name, patchField(field)]))),
      system: new Set(fields.filter(([, field]) => isGiven(field)).map(([name]) => name)),
    }
    validators.set(model, found)
  }
  return found
}

// Monobloc or the database makes a value where none is given.
function isMade(field: Field): boolean {
  return field.kind === 'id' || field.kind === 'serial' || field.options.automatic !== undefined
}

/**
 * Checks what is about to be written and gives it normalised.
 *
 * @param asUser refuses the fields that only the system may set
 * @throws MonoblocError `validation_failed` with every violation
 */
export function validated(
  model: AnyModel,
  kind: 'insert' | 'patch',
  input: unknown,
  asUser: boolean,
  at: (string | number)[] = [],
): AnyRow {
  const { system, ...schemas } = validatorsOf(model)
  const result = schemas[kind].safeParse(input)
  if (!result.success)
    throw new MonoblocError('validation_failed', {
      subject: model.name,
      violations: violationsOf(result.error.issues, at),
    })
  const values = result.data as AnyRow
  if (asUser) refuseSystemFields(model, system, values, at)
  return values
}

function refuseSystemFields(
  model: AnyModel,
  system: ReadonlySet<string>,
  values: AnyRow,
  at: (string | number)[],
): void {
  const given = Object.keys(values).filter((name) => system.has(name) && values[name] !== undefined)
  if (given.length === 0) return
  throw new MonoblocError('validation_failed', {
    subject: model.name,
    violations: given.map((name) => ({ path: [...at, name], code: 'read_only', message: 'is set by the system' })),
  })
}
