import type { Violation } from '../../errors.ts'
import type { ColumnType } from '../../schema/index.ts'

/** A CHECK's name carries what the message must say: databases give little but it. */
export function checkName(table: string, fields: readonly string[], name: string): string {
  return `${table}.${fields.join()}:${name}`
}

/**
 * The name, within a CHECK's own, of those that only hold a column to its type. A decimal's says its digits, which SQLite
 * tells nowhere else.
 */
export function typeConstraint(type: ColumnType): string {
  return type.type === 'decimal' ? `decimal(${type.precision},${type.scale})` : 'type'
}

/** What a broken CHECK of this name says: the table, the fields, and how each violates it. */
export function readCheckName(text: string): { subject: string | undefined; violations: Violation[] } {
  const found = /^([^.]+)\.([^:]*):(.+)$/.exec(text)
  if (!found) return { subject: undefined, violations: [] }
  const [, subject, list, name] = found
  const fields = list ? list.split(',') : []
  const isType = name === 'type' || /^decimal\(\d+,\d+\)$/.test(name!)
  return {
    subject,
    violations: isType ? wrongType(fields) : violationsOf(fields, 'check', `breaks ${name}`),
  }
}

export function wrongType(fields: readonly string[]): Violation[] {
  return violationsOf(fields, 'invalid_type', 'has the wrong type')
}

export function violationsOf(fields: readonly string[], code: string, message: string): Violation[] {
  return fields.map((field) => ({ path: [field], code, message }))
}
