import { painter } from '../runtime/index.ts'
import type { SqlRow, SqlValue } from '../storage/index.ts'

// Beyond, a column is cut: a row should stay a line.
const widest = 60

/** Rows in columns, with a head and their number. */
export function tableOf(rows: readonly SqlRow[], colour: boolean): string {
  const paint = painter(colour)
  if (rows.length === 0) return `${paint('dim', 'no rows')}\n`
  const names = Object.keys(rows[0]!)
  const cells = rows.map((row) => names.map((name) => cellOf(row[name]!)))
  const widths = names.map((name, at) => Math.max(name.length, ...cells.map((row) => row[at]!.length)))
  const numeric = names.map((name) => rows.every((row) => row[name] === null || typeof row[name] === 'number'))
  const line = (texts: readonly string[]) =>
    texts
      .map((text, at) => (numeric[at] ? text.padStart(widths[at]!) : text.padEnd(widths[at]!)))
      .join('  ')
      .trimEnd()
  const count = `${rows.length} ${rows.length === 1 ? 'row' : 'rows'}`
  return `${[paint('bold', line(names)), ...cells.map(line), paint('dim', count)].join('\n')}\n`
}

function cellOf(value: SqlValue): string {
  if (value === null) return 'null'
  // A line break would break the table, and a control character the terminal.
  const text = value instanceof Uint8Array ? hexOf(value) : String(value).replaceAll(/[\p{Cc}\p{Cf}]+/gu, ' ')
  return text.length > widest ? `${text.slice(0, widest - 1)}…` : text
}

/** JSON of what a statement gave: numbers beyond 2^53 as text, bytes as SQL writes them. */
export function jsonOf(value: unknown): string {
  return JSON.stringify(value, (_, inner) => {
    if (typeof inner === 'bigint') return String(inner)
    return inner instanceof Uint8Array ? hexOf(inner) : inner
  })
}

const hexOf = (bytes: Uint8Array) => `x'${Buffer.from(bytes).toString('hex')}'`
