import type { JsonSchema } from '../schema/index.ts'
import { targetOf } from './openapi-closed.ts'

const texts: Record<string, string> = {
  'date-time': '2026-01-31T12:00:00.000Z',
  date: '2026-01-31',
  email: 'ann@example.com',
  uuid: '01900000-0000-7000-8000-000000000000',
  uri: 'https://example.com/',
  iri: 'https://example.com/',
  decimal: '1.00',
  int64: '1',
}

// Deeper than people look; what contains itself ends here.
const deepest = 6

/** A value that a schema might take, for people to start from: it meets types, not every bound. */
export function exampleOf(schema: JsonSchema, document: JsonSchema, depth = 0): unknown {
  if (typeof schema.$ref === 'string') return exampleOf(targetOf(document, schema.$ref), document, depth)
  if ('default' in schema) return schema.default
  if ('const' in schema) return schema.const
  if (Array.isArray(schema.examples)) return schema.examples[0]
  if (Array.isArray(schema.enum)) return schema.enum[0]
  const branch = ((schema.anyOf ?? schema.oneOf ?? schema.allOf) as JsonSchema[] | undefined)?.[0]
  if (branch) return exampleOf(branch, document, depth)
  switch ([schema.type].flat()[0]) {
    case 'object':
      return depth < deepest ? exampleObject(schema, document, depth) : {}
    case 'array':
      return schema.items && depth < deepest ? [exampleOf(schema.items as JsonSchema, document, depth + 1)] : []
    case 'string':
      return texts[schema.format as string] ?? 'text'.padEnd(Number(schema.minLength ?? 0), '.')
    case 'integer':
    case 'number':
      return Math.max(1, Number(schema.minimum ?? 1))
    case 'boolean':
      return true
    default:
      return null
  }
}

function exampleObject(schema: JsonSchema, document: JsonSchema, depth: number): unknown {
  const properties = Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>)
  return Object.fromEntries(properties.map(([name, one]) => [name, exampleOf(one, document, depth + 1)]))
}
