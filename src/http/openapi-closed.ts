import type { JsonSchema } from '../schema/index.ts'

/** What a reference inside a schema leads to (RFC 6901); a schema of anything when it leads nowhere. */
export function targetOf(root: JsonSchema, reference: string): JsonSchema {
  let found: unknown = root
  for (const part of reference.split('/').slice(1)) {
    const name = decodeURIComponent(part).replaceAll('~1', '/').replaceAll('~0', '~')
    found = (found as JsonSchema | null | undefined)?.[name]
  }
  return typeof found === 'object' && found !== null ? (found as JsonSchema) : {}
}

/**
 * A schema as text, with everything that it refers to inside `root`: the same for all schemas that say the same, in any
 * order of keys and whatever their definitions are called.
 */
export function closedText(schema: JsonSchema, root: JsonSchema): string {
  const seen = new Map<object, number>()
  const target = (object: JsonSchema): unknown => {
    const known = seen.get(object)
    if (known !== undefined) return { back: known }
    seen.set(object, seen.size)
    return write(object)
  }
  const write = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(write)
    if (typeof value !== 'object' || value === null) return value
    const { $ref } = value as JsonSchema
    if (typeof $ref === 'string' && $ref.startsWith('#')) return target(targetOf(root, $ref))
    const entries = Object.entries(value).filter(([key]) => key !== '$defs' && key !== '$schema')
    return Object.fromEntries(entries.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, inner]) => [key, write(inner)]))
  }
  return JSON.stringify(target(schema))
}
