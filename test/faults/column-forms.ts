import { decimalText, type Models, Schema } from '../../src/schema/index.ts'
import type { ColumnForms } from './check-log.ts'

/** How the columns of each logged table, which SQLite holds in its own way, are written in the log. */
export function columnFormsOf(models: Models): ColumnForms {
  const tables = new Schema(Object.values(models)).tables.map((table) => {
    const forms: ColumnForms[string] = {}
    for (const { name, type } of table.columns) {
      if (type.type === 'boolean') forms[name] = (value) => value === 1
      if (type.type === 'decimal') forms[name] = (value) => decimalText(BigInt(value as number), type.scale)
    }
    return [table.name, forms] as const
  })
  return Object.fromEntries(tables)
}
