import { deserialize, serialize } from 'node:v8'

/** Lists that are pages, each with where the next one begins. That is no part of the list's content. */
type Pages = [list: unknown[], next: string | null][]

/** A value as bytes, two of which are the same only where they say the same; undefined where they would not say all of it. */
export function bytesOf(value: unknown): Buffer | undefined {
  const pages: Pages = []
  try {
    return isPlain(value, new Set(), pages) ? serialize([value, pages]) : undefined
  } catch {
    // It is deeper than the stack.
    return undefined
  }
}

export function copyOf(bytes: Buffer): unknown {
  const [value, pages] = deserialize(bytes) as [unknown, Pages]
  for (const [list, next] of pages) Object.defineProperty(list, 'next', { value: next })
  return value
}

/** There is nothing to it but what can be seen: state that is private, as a URL's, would be left out without a word. */
function isPlain(value: unknown, seen: Set<object>, pages: Pages): boolean {
  if (typeof value !== 'object' || value === null) return typeof value !== 'function' && typeof value !== 'symbol'
  if (seen.has(value) || ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return true
  seen.add(value)
  const own = Reflect.ownKeys(value).length
  const arePlain = (values: Iterable<unknown>) => {
    for (const one of values) if (!isPlain(one, seen, pages)) return false
    return true
  }
  switch (Object.getPrototypeOf(value)) {
    case Object.prototype:
    case null: {
      const values = Object.values(value)
      return own === values.length && arePlain(values)
    }
    case Array.prototype:
      return isList(value as unknown[], own, pages) && arePlain(value as unknown[])
    case Date.prototype:
      return own === 0
    case Set.prototype:
      return own === 0 && arePlain(value as Set<unknown>)
    case Map.prototype:
      return (
        own === 0 &&
        arePlain((value as Map<unknown, unknown>).keys()) &&
        arePlain((value as Map<unknown, unknown>).values())
      )
    default:
      return false
  }
}

/** Nothing beside its items, or that of a page. */
function isList(list: unknown[], own: number, pages: Pages): boolean {
  if (own === list.length + 1) return true
  const { next } = list as { next?: unknown }
  if (own !== list.length + 2 || (typeof next !== 'string' && next !== null)) return false
  pages.push([list, next])
  return true
}
