import type { Dialect, Statement } from '../storage/index.ts'

/**
 * Statements on Monobloc's own tables, written once for both engines, with `$1`, `$2`, … for values: in SQLite's words
 * `?1`, `?2`. Engines keep what they prepare by the statement's identity, so call this once for each text.
 *
 * @param texts or a function of whether they are PostgreSQL's, where the engines say something differently
 */
export function ownStatements<K extends string>(
  texts: Readonly<Record<K, string>> | ((postgres: boolean) => Readonly<Record<K, string>>),
): (dialect: Dialect) => Record<K, Statement> {
  const made = (isPostgres: boolean) => {
    const toSql = (text: string) => (isPostgres ? text : text.replaceAll(/\$(\d)/g, '?$1'))
    const own = typeof texts === 'function' ? texts(isPostgres) : texts
    return Object.fromEntries(
      Object.entries<string>(own).map(([name, text]) => [name, { sql: toSql(text), reach: 'bounded' }]),
    ) as Record<K, Statement>
  }
  const postgres = made(true)
  const sqlite = made(false)
  return ({ name }) => (name === 'postgres' ? postgres : sqlite)
}
