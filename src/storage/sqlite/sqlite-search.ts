import type { TableSpec } from '../../schema/index.ts'
import { searchTable } from './sqlite-sql.ts'
import { quoted } from './sqlite-table.ts'

export { searchTable } from './sqlite-sql.ts'

/**
 * FTS5 over the table's own text: the index holds words, the table the text. Letters count without their accents.
 * It goes by the rowid, which SQLite keeps through VACUUM for tables that have an index, and all of ours do.
 */
export function createSearchSql(table: TableSpec): string {
  const options = [`content=${quoted(table.name)}`, 'content_rowid="rowid"', 'tokenize="unicode61 remove_diacritics 2"']
  return `CREATE VIRTUAL TABLE ${quoted(searchTable(table.name))} USING fts5(${[...table.search.map(quoted), ...options].join(', ')})`
}

/** The triggers that keep the index in step, by name. */
export function searchTriggers(table: TableSpec): Map<string, string> {
  const index = quoted(searchTable(table.name))
  const columns = table.search.map(quoted)
  const values = (side: 'OLD' | 'NEW') => columns.map((column) => `${side}.${column}`)
  const add = `INSERT INTO ${index} (rowid, ${columns.join(', ')}) VALUES (NEW.rowid, ${values('NEW').join(', ')});`
  const remove = `INSERT INTO ${index} (${index}, rowid, ${columns.join(', ')}) VALUES ('delete', OLD.rowid, ${values('OLD').join(', ')});`
  const changed = ['rowid', ...columns].map((column) => `OLD.${column} IS NOT NEW.${column}`).join(' OR ')
  const trigger = (event: string, when: string, body: string): [string, string] => {
    const name = `${searchTable(table.name)}_${event.toLowerCase()}`
    return [name, `CREATE TRIGGER ${quoted(name)} AFTER ${event} ON ${quoted(table.name)}${when} BEGIN ${body} END`]
  }
  return new Map([
    trigger('INSERT', '', add),
    trigger('UPDATE', ` WHEN ${changed}`, `${remove} ${add}`),
    trigger('DELETE', '', remove),
  ])
}
