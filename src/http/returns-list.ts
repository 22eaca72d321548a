import type { JsonSchema } from '../schema/index.ts'

/** The schema of a list of these. References inside a schema count from its root, so they follow it to its new place. */
export function listSchema(item: JsonSchema): JsonSchema {
  if (!JSON.stringify(item).includes('"$ref":"#')) return { type: 'array', items: item }
  return { type: 'array', items: { $ref: '#/$defs/item' }, $defs: { item: moved(item) } }
}

function moved(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(moved)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      key === '$ref' && typeof inner === 'string' && inner.startsWith('#')
        ? `#/$defs/item${inner.slice(1)}`
        : moved(inner),
    ]),
  )
}
