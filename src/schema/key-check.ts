import { MonoblocError } from '../errors.ts'
import type { Field, FieldKind } from './field.ts'
import { valueField } from './kinds.ts'
import type { AnyModel } from './model.ts'
import { isStored } from './table.ts'

// Documents and floats have no one way to be equal, and bytes can't be listed or stand in an address.
const neverKeys: readonly FieldKind[] = ['json', 'float', 'bytes']

/**
 * Sees that the key's fields can identify a row, and that no serial field stands anywhere else.
 *
 * @throws MonoblocError `definition_invalid`
 */
export function checkKey(model: AnyModel): void {
  const fields = model.fields as Map<string, Field>
  const key = model.key as string[]
  if (key.length === 0) throw invalid(model, `Model ${model.name} has an empty key.`)
  for (const [at, name] of key.entries()) {
    const field = fields.get(name)
    if (!field) throw invalid(model, `${model.name}.${name} is in the key but is not a field.`)
    if (key.indexOf(name) < at) throw invalid(model, `${model.name}.${name} is twice in the key.`)
    const wrong = whyNot(field)
    if (wrong) throw invalid(model, `${model.name}.${name} can't be in the key: ${wrong}.`)
  }
  for (const [name, field] of fields) {
    if (field.kind === 'serial' && !(key.length === 1 && key[0] === name)) {
      throw invalid(model, `${model.name}.${name} is serial: the database counts only keys of one field.`)
    }
  }
}

function whyNot(field: Field): string | undefined {
  if (!isStored(field)) return `a ${field.kind} field is no column`
  if (field.options.nullable) return 'it is nullable'
  if (field.options.writeOnly) return 'it is write-only'
  const { kind } = valueField(field)
  return neverKeys.includes(kind) ? `a ${kind} value does not identify a row` : undefined
}

function invalid(model: AnyModel, detail: string): MonoblocError {
  return new MonoblocError('definition_invalid', { subject: model.name, detail })
}
