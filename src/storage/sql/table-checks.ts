import { type Condition, parseFilter, reachOf, type Schema, type TableSpec } from '../../schema/index.ts'
import { checkName } from './check-name.ts'
import type { Dialect } from './dialect.ts'
import { inlineConditionSql } from './filter-sql-inline.ts'
import { quoted } from './quoted.ts'

/** A CHECK by its name, which carries the fields it is about. */
export interface Check {
  name: string
  fields: string[]
  expression: string
}

/**
 * `restrict` is NO ACTION, which looks at the end of the statement: one statement may delete a row together with those
 * that refer to it. It means the same on every engine.
 */
export const onDelete = { restrict: 'NO ACTION', cascade: 'CASCADE', 'set null': 'SET NULL' } as const

/**
 * The filters that every row must satisfy. A CHECK passes when it is null, a filter does not: hence IS TRUE. A field's
 * own check is about its values, of which null is none.
 */
export function declaredChecks(dialect: Dialect, schema: Schema, table: TableSpec): Check[] {
  return table.checks.map(({ name, field, filter }) => {
    const parsed = ownFilter(schema, table, filter)
    const fields = [...reachOf(parsed).columns]
    const condition = `(${inlineConditionSql(dialect, parsed)}) IS TRUE`
    const nullable = table.columns.some((column) => column.name === field && column.nullable)
    const expression = nullable ? `${quoted(field!)} IS NULL OR ${condition}` : condition
    return { name: checkName(table.name, fields, name), fields, expression }
  })
}

/** A filter over a table's own columns with its constants in it. */
export function ownFilterSql(
  dialect: Dialect,
  schema: Schema,
  table: TableSpec,
  filter: Record<string, unknown>,
): string {
  return inlineConditionSql(dialect, ownFilter(schema, table, filter))
}

function ownFilter(schema: Schema, table: TableSpec, filter: Record<string, unknown>): Condition {
  if (!table.model) throw new Error(`${table.name} has no model to read a filter by`)
  return parseFilter(schema, table.model, filter, { secret: true })
}
