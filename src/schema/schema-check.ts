import { MonoblocError } from '../errors.ts'
import type { Field } from './field.ts'
import { textKinds } from './field.ts'
import { type Condition, reachOf } from './filter-condition.ts'
import { parseFilter } from './filter-parse.ts'
import { parseJsonPath } from './filter-path.ts'
import type { AnyModel, IndexOptions } from './model.ts'
import { fieldValidator } from './model-input.ts'
import { isName } from './name.ts'
import { loadSanitiser } from './sanitise.ts'
import type { Schema } from './schema.ts'
import { isStored } from './table.ts'

/**
 * Sees what models say beyond their shape: indexes, checks, search and defaults, so that a mistake shows where it is
 * declared and not where it is first used.
 *
 * @throws MonoblocError `definition_invalid`
 */
export function checkSchema(schema: Schema): void {
  for (const model of schema.models.values()) {
    for (const [name, field] of model.fields as Map<string, Field>) checkField(schema, model, name, field)
    checkIndexes(schema, model)
    checkSearch(model)
    for (const [name, filter] of Object.entries((model.options.checks ?? {}) as Record<string, unknown>)) {
      if (!isName(name)) throw invalid(model, `"${name}" can't name a check of ${model.name}.`)
      ownColumns(schema, model, filter, `check ${name}`)
    }
    for (const kind of ['createdAt', 'updatedAt', 'version', 'deletedAt']) {
      const found = [...(model.fields as Map<string, Field>).values()].filter(
        ({ options }) => options.automatic === kind,
      )
      if (found.length > 1) throw invalid(model, `${model.name} has more than one t.${kind}().`)
    }
  }
}

function checkField(schema: Schema, model: AnyModel, name: string, { kind, options }: Field): void {
  for (const operators of options.checks) ownColumns(schema, model, { [name]: operators }, `check of ${name}`)
  if (options.html) loadSanitiser()
  if (kind === 'enum') checkValues(model, name, options.values)
  if (options.default && 'value' in options.default) checkDefault(model, name, options.default.value)
}

function checkValues(model: AnyModel, name: string, values: readonly string[]): void {
  const right = values.every((value) => typeof value === 'string' && value.isWellFormed() && !value.includes('\0'))
  if (values.length > 0 && right && new Set(values).size === values.length) return
  throw invalid(model, `${model.name}.${name} needs at least one value, all of them different texts.`)
}

// A default goes into the database as it stands.
function checkDefault(model: AnyModel, name: string, value: unknown): void {
  const result = fieldValidator(model.fields.get(name)!).safeParse(value)
  const wrong = (why: string) => invalid(model, `The default of ${model.name}.${name} ${why}.`)
  if (!result.success) throw wrong(result.error.issues[0]!.message)
  if (isScalar(value) && result.data !== value) throw wrong(`must be written ${JSON.stringify(String(result.data))}`)
}

function isScalar(value: unknown): boolean {
  return typeof value !== 'object'
}

function checkIndexes(schema: Schema, model: AnyModel): void {
  for (const index of (model.options.indexes ?? []) as (readonly string[] | IndexOptions)[]) {
    const { fields, where }: IndexOptions = 'fields' in index ? index : { fields: index }
    if (fields.length === 0 || new Set(fields).size < fields.length) {
      throw invalid(model, `An index of ${model.name} needs fields, each once.`)
    }
    for (const field of fields) checkIndexed(model, field)
    if (where !== undefined) ownColumns(schema, model, where, `index of ${fields.join(', ')}`)
  }
}

function checkIndexed(model: AnyModel, text: string): void {
  const dot = text.indexOf('.')
  const name = dot === -1 ? text : text.slice(0, dot)
  const field = model.fields.get(name) as Field | undefined
  if (!field || !isStored(field)) throw invalid(model, `An index of ${model.name} names ${name}, which is no column.`)
  if (dot === -1 && field.kind === 'json') {
    throw invalid(model, `An index of ${model.name} names ${name}: say which place in the document, as ${name}.place.`)
  }
  if (dot !== -1 && (field.kind !== 'json' || !parseJsonPath(text.slice(dot + 1)))) {
    throw invalid(model, `An index of ${model.name} names ${text}, which is no place in a json field.`)
  }
}

// Write-only text would be found, and shown in what is highlighted.
function checkSearch(model: AnyModel): void {
  for (const name of (model.options.search ?? []) as readonly string[]) {
    const field = model.fields.get(name) as Field | undefined
    if (field && textKinds.includes(field.kind) && !field.options.writeOnly) continue
    throw invalid(model, `${model.name}.${name} can't be searched: it must be a text field that may be read.`)
  }
}

/** A filter that the database keeps: over the row itself and nothing else. */
function ownColumns(schema: Schema, model: AnyModel, filter: unknown, of: string): void {
  const wrong = (why: string, cause?: unknown) =>
    new MonoblocError('definition_invalid', { subject: model.name, detail: `The ${of} of ${model.name} ${why}`, cause })
  let condition: Condition
  try {
    condition = parseFilter(schema, model, filter, { secret: true })
  } catch (cause) {
    if (!(cause instanceof MonoblocError)) throw cause
    const [first] = cause.violations
    throw wrong(first ? `at ${first.path.join('.') || 'the top'} ${first.message}.` : `holds undefined.`, cause)
  }
  if (reachOf(condition).tables.size > 0) throw wrong('looks at other rows; it may look at its own only.')
}

function invalid(model: AnyModel, detail: string): MonoblocError {
  return new MonoblocError('definition_invalid', { subject: model.name, detail })
}
