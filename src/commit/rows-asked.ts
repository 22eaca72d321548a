import { MonoblocError } from '../errors.ts'
import { type AnyModel, type Field, isOwn, type Relation, type Schema } from '../schema/index.ts'

interface AskedRows {
  where?: unknown
  fields?: readonly string[]
  include?: Record<string, unknown>
}

// The query layer refuses deeper ones; this only keeps an include that holds itself from going round for ever.
const deepestInclude = 5

/**
 * Looks through what a query asks for before the query layer does: every field must be one, and nothing may be
 * undefined that would then mean "all of them". Templates are kept by the names in a query, so that a name which is
 * none must not come that far.
 *
 * @param asUser refuses write-only fields, wherever they are asked for
 * @throws MonoblocError `invalid_query`, `undefined_in_filter`, `forbidden`
 */
export function checkAsked(schema: Schema, model: AnyModel, asked: AskedRows, asUser: boolean, depth = 0): void {
  const { where, fields, include } = asked
  if (where === undefined && 'where' in asked) {
    throw new MonoblocError('undefined_in_filter', { subject: model.name, detail: `where is undefined.` })
  }
  if (fields) checkNames(model, 'fields', fields, asUser, include)
  if (!include || depth > deepestInclude) return
  for (const [name, given] of Object.entries(include)) {
    const options = (typeof given === 'object' && given !== null ? given : {}) as IncludeOptions
    const relation = schema.relation(model, options.count ?? options.exists ?? name)
    if (!relation) continue
    if (asUser && isSecret(relation)) throw writeOnly(model, relation.name)
    checkAsked(schema, relation.to, options, asUser, depth + 1)
  }
}

interface IncludeOptions extends AskedRows {
  count?: string
  exists?: string
}

/** @throws MonoblocError `invalid_query`, `forbidden` */
export function checkNames(
  model: AnyModel,
  option: string,
  names: readonly string[],
  asUser: boolean,
  include: object = {},
): void {
  for (const name of names) {
    if (Object.hasOwn(include, name)) continue
    const field = model.fields.get(name) as Field | undefined
    if (!field || field.kind === 'manyToMany') throw unknown(model, option, name, asUser)
    if (asUser && field.options.writeOnly) throw writeOnly(model, name)
  }
}

/** A write-only reference tells its secret in both directions. */
function isSecret(relation: Relation): boolean {
  const { via, from, to } = relation
  if (via.kind === 'link') return false
  const holder = isOwn(relation) ? from : to
  return (holder.fields.get(via.field) as Field).options.writeOnly
}

function unknown(model: AnyModel, option: string, name: string, asUser: boolean): MonoblocError {
  const allowed = [...(model.fields as Map<string, Field>)]
    .filter(([, field]) => field.kind !== 'manyToMany' && !(asUser && field.options.writeOnly))
    .map(([known]) => known)
  const message = `can't name "${name}": ${model.name} has ${allowed.join(', ')}`
  return new MonoblocError('invalid_query', {
    detail: `${option} ${message}`,
    violations: [{ path: [option], code: 'unknown_field', message }],
  })
}

function writeOnly(model: AnyModel, name: string): MonoblocError {
  return new MonoblocError('forbidden', {
    subject: model.name,
    detail: `${model.name}.${name} is write-only: only the system may ask for it.`,
  })
}
