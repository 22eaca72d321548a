// A name is a table's or column's name and an identifier in code; 58 leaves room for prefixes within PostgreSQL's 63 bytes.
export const longestName = 58
const namePattern = new RegExp(`^[A-Za-z][A-Za-z0-9_]{0,${longestName - 1}}$`)
const reserved = new Set(['and', 'or', 'not', 'search', 'where', 'prototype'])
// What SQLite calls the number of a row, and PostgreSQL the columns that every table has.
const systemColumns = new Set(['rowid', '_rowid_', 'oid', 'tableoid', 'ctid', 'xmin', 'xmax', 'cmin', 'cmax'])

/**
 * A letter, then letters, digits and `_`, at most 58 characters; no word of the filter language, and nothing that every
 * object has from birth.
 */
export function isName(name: string): boolean {
  return namePattern.test(name) && !reserved.has(name) && !(name in Object.prototype)
}

export function isFieldName(name: string): boolean {
  return isName(name) && !systemColumns.has(name.toLowerCase())
}

/** Tables that belong to Monobloc or to the database. */
export function isReservedTable(name: string): boolean {
  return /^(?:monobloc|sqlite|pg)_/i.test(name)
}
