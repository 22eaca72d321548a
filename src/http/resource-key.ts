import { MonoblocError } from '../errors.ts'
import { type AnyModel, type Field, valueField } from '../schema/index.ts'

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i

/** `/:id`, or `/:student/:course` for a composite key. */
export function keyPath(model: AnyModel): string {
  return model.key.map((name: string) => `/:${name}`).join('')
}

/**
 * The key that a path names. Text that can't be one names nothing.
 *
 * @throws MonoblocError `not_found`
 */
export function keyFromPath(model: AnyModel, params: Record<string, string>): unknown {
  const { key } = model
  if (key.length === 1) return partOf(model, key[0]!, params[key[0]!]!)
  return Object.fromEntries(key.map((name: string) => [name, partOf(model, name, params[name]!)]))
}

/** The path that names a row. */
export function pathOfKey(model: AnyModel, key: unknown): string {
  const parts = model.key.length === 1 ? [key] : model.key.map((name: string) => (key as Record<string, unknown>)[name])
  return parts
    .map((part) => `/${encodeURIComponent(part instanceof Date ? part.toISOString() : String(part))}`)
    .join('')
}

function partOf(model: AnyModel, name: string, text: string): unknown {
  const { kind } = valueField(model.fields.get(name) as Field)
  const value = read(kind, text)
  if (value === undefined) throw new MonoblocError('not_found', { subject: model.name })
  return value
}

function read(kind: Field['kind'], text: string): unknown {
  // The keys of most tables, which need not be looked through for what they can't hold.
  if (kind === 'serial' && /^\d{1,15}$/.test(text)) return Number(text)
  if (text.includes('\0') || !text.isWellFormed()) return undefined
  switch (kind) {
    case 'id':
      return uuidPattern.test(text) ? text.toLowerCase() : undefined
    case 'serial':
    case 'integer':
    case 'float':
      return /^-?\d{1,16}(\.\d{1,20})?$/.test(text) && isExact(Number(text)) ? Number(text) : undefined
    case 'bigint':
      return /^-?\d{1,19}$/.test(text) && isLong(BigInt(text)) ? BigInt(text) : undefined
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : undefined
    case 'timestamp':
      return Number.isNaN(Date.parse(text)) ? undefined : new Date(text)
    default:
      return text
  }
}

function isExact(value: number): boolean {
  return !Number.isInteger(value) || Number.isSafeInteger(value)
}

function isLong(value: bigint): boolean {
  return BigInt.asIntN(64, value) === value
}
