import type { JsonPath } from './filter-condition.ts'
import { isStorableText } from './kind-text.ts'

// 20 steps, like the levels of a filter; 200 characters a name, which no column of an index should exceed either.
export const deepestJsonPath = 20
const longestName = 200

const step = /(?:(?:^|\.)(?:"([^"\\]*)"|([^."'\\[\]\s]+))|\[(\d{1,9})\])/uy

/**
 * Reads a place in a JSON document: names with dots between, positions of elements in brackets, names with dots or white
 * space in double quotes: `address.city`, `items[0].name`, `"a.b".c`. Names that hold `"` or `\` cannot be said.
 *
 * @returns undefined when it is not one, or has more than 20 steps
 */
export function parseJsonPath(text: string): JsonPath | undefined {
  if (!isStorableText(text) || text.startsWith('.')) return undefined
  const path: (string | number)[] = []
  step.lastIndex = 0
  while (step.lastIndex < text.length) {
    const found = step.exec(text)
    if (!found) return undefined
    const name = found[1] ?? found[2]
    // Control characters are escaped inside a stored document, where engines look names up as they are written.
    if (name !== undefined && (name.length > longestName || hasControl(name))) return undefined
    path.push(name ?? Number(found[3]))
    if (path.length > deepestJsonPath) return undefined
  }
  return path.length > 0 ? path : undefined
}

function hasControl(name: string): boolean {
  for (let at = 0; at < name.length; at++) if (name.charCodeAt(at) < 0x20) return true
  return false
}

/** What stands at a place of a document; undefined when there is nothing. */
export function valueAt(document: unknown, path: JsonPath): unknown {
  let value = document
  for (const part of path) {
    if (typeof value !== 'object' || value === null) return undefined
    if (typeof part === 'number' ? !Array.isArray(value) : Array.isArray(value) || !Object.hasOwn(value, part))
      return undefined
    value = (value as Record<string | number, unknown>)[part]
  }
  return value
}
