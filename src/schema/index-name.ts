import { createHash } from 'node:crypto'

// PostgreSQL cuts identifiers at 63 bytes, silently.
const longestIdentifier = 63

/**
 * The name of an index, which no table and no other table's index has: names of models and fields hold no hyphen. What is
 * too long ends in a part of its digest.
 */
export function indexName(table: string, fields: readonly string[], kind: string): string {
  const name = [table, ...fields, kind].join('-').replace(/[^\w.[\]-]/g, '_')
  if (name.length <= longestIdentifier) return name
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 12)
  return `${name.slice(0, longestIdentifier - digest.length - 1)}-${digest}`
}
