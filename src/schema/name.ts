// A name is a table's or column's name and an identifier in code; 58 leaves room for prefixes within PostgreSQL's 63 bytes.
export const longestName = 58
const namePattern = new RegExp(`^[A-Za-z][A-Za-z0-9_]{0,${longestName - 1}}$`)
const reserved = new Set(['and', 'or', 'not', 'search', 'where', 'constructor', 'prototype', '__proto__'])

/** A letter, then letters, digits and `_`, at most 58 characters, and no word of the filter language. */
export function isName(name: string): boolean {
  return namePattern.test(name) && !reserved.has(name)
}

/** Tables that belong to Monobloc or to the database. */
export function isReservedTable(name: string): boolean {
  return /^(?:monobloc|sqlite|pg)_/i.test(name)
}
