import { createHash } from 'node:crypto'

/** PostgreSQL cuts identifiers here, in bytes, without a word. */
const longestIdentifier = 63

// Names that were too long, by what stands for them in the database: an error of the server's says only that.
const meant = new Map<string, string>()

/** The name as the database can hold it: what is too long ends in a part of its digest, so that no two become one. */
export function fitted(name: string): string {
  if (Buffer.byteLength(name) <= longestIdentifier) return name
  const digest = createHash('sha256').update(name).digest('hex').slice(0, 12)
  let start = name.slice(0, longestIdentifier - digest.length - 1)
  while (Buffer.byteLength(start) > longestIdentifier - digest.length - 1) start = start.slice(0, -1)
  const short = `${start}-${digest}`
  meant.set(short, name)
  return short
}

/** The whole name that a name of the database stands for, as far as this process has made it. */
export function meantBy(name: string): string {
  return meant.get(name) ?? name
}
