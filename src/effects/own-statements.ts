import type { Dialect, Statement } from '../storage/index.ts'

/**
 * Statements on Monobloc's own tables, written once for both engines, with `$1`, `$2`, … for values: in SQLite's words
 * `?1`, `?2`. Engines keep what they prepare by the statement's identity, so call this once for each text.
 */
export function ownStatements<K extends string>(
  texts: Readonly<Record<K, string>>,
): (dialect: Dialect) => Record<K, Statement> {
  const made = (toSql: (text: string) => string) =>
    Object.fromEntries(
      Object.entries<string>(texts).map(([name, text]) => [name, { sql: toSql(text), reach: 'bounded' }]),
    ) as Record<K, Statement>
  const postgres = made((text) => text)
  const sqlite = made((text) => text.replaceAll(/\$(\d)/g, '?$1'))
  return ({ name }) => (name === 'postgres' ? postgres : sqlite)
}
