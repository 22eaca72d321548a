import { type Ask, readTables } from './postgres-catalog.ts'
import { newPrefix } from './postgres-shadow.ts'
import type { SchemaAct } from './postgres-statements.ts'

/**
 * Whether what a statement does is there already, as where `dev` has done it before there was a file. That the whole fits
 * is seen in the end, when the tables are compared.
 *
 * @param tables those that are already as the whole file makes them
 */
export async function isDone(ask: Ask, act: SchemaAct, tables: ReadonlySet<string>): Promise<boolean> {
  if ('table' in act ? tables.has(act.table) : act.act !== 'drop index' && tables.has(act.name)) return true
  const there = await readTables(ask)
  const indexes = new Map([...there.values()].flatMap((table) => [...table.indexes]))
  const table = 'name' in act ? there.get(act.name) : undefined
  switch (act.act) {
    case 'create table':
      return table !== undefined
    case 'drop table':
      return table === undefined
    case 'create index':
      return indexes.get(act.name)?.valid === true
    case 'drop index':
      return !indexes.has(act.name)
    case 'rename table':
      return there.has(act.to) && table === undefined
    case 'rename column':
      return Boolean(table?.columns.has(act.to) && !table.columns.has(act.column))
    case 'add column':
      return !act.column.startsWith(newPrefix) && (table?.columns.has(act.column) ?? false)
    case 'drop column':
      return !table?.columns.has(act.column)
    case 'add constraint':
      return hasConstraint(table, act.constraint)
    case 'drop constraint':
      return !hasConstraint(table, act.constraint)
    case 'validate constraint':
      return !table?.unproven.has(act.constraint)
    case 'set not null':
      return table?.columns.get(act.column)?.nullable === false
    default:
      return false
  }
}

function hasConstraint(
  table: { checks: ReadonlyMap<string, unknown>; references: ReadonlyMap<string, { name: string }> } | undefined,
  name: string,
): boolean {
  if (!table) return false
  return table.checks.has(name) || [...table.references.values()].some((reference) => reference.name === name)
}
