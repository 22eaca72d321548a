import { foldCase, type TableSpec } from '../../schema/index.ts'
import { wordsFunction } from './postgres-functions.ts'
import { fitted } from './postgres-names.ts'

/** The words of a row, kept by the database. No field can be called so, for the hyphen. */
export const searchColumn = 'monobloc-search'

export function searchIndexName(table: string): string {
  return fitted(`${table}-search`)
}

/** What the column is made of: the searched fields one after another. */
export function searchExpression(table: TableSpec): string {
  const texts = table.search.map((name) => `coalesce("${name}", '')`)
  return `${wordsFunction}(${texts.join(` || ' ' || `)})`
}

export function searchColumnSql(table: TableSpec): string {
  return `"${searchColumn}" tsvector GENERATED ALWAYS AS (${searchExpression(table)}) STORED`
}

export function searchIndexSql(table: TableSpec): string {
  return `CREATE INDEX "${searchIndexName(table.name)}" ON "${table.name}" USING gin ("${searchColumn}")`
}

/** A word as the index has it: without case and accents. May be empty. */
export function indexedWord(word: string): string {
  return foldCase(word)
    .normalize('NFD')
    .replace(/[\u0300-\u036f]/g, '')
    .slice(0, 500)
}

/** A tsquery of rows with all words, of which the last may be a beginning. Without a word it finds nothing. */
export function searchQuery(words: readonly string[]): string {
  const terms = words.map(indexedWord).filter((word) => word !== '')
  return terms.map((word, at) => `'${word}'${at === terms.length - 1 ? ':*' : ''}`).join(' & ')
}
