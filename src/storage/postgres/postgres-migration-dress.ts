// What hangs on tables and is not in files: the log's triggers and full-text indexes.
import type { ColumnType, Schema, TableSpec } from '../../schema/index.ts'
import { isSameType } from '../migrations/table-shape.ts'
import { type ActualTable, type Ask, readTables } from './postgres-catalog.ts'
import { compareDerived } from './postgres-compare.ts'
import { dropSearchSql, readDerived } from './postgres-compare-derived.ts'
import { functionName, logFunctionBody, logTriggers, recordShapesSql } from './postgres-log-triggers.ts'
import { appTables, newPrefix } from './postgres-shadow.ts'
import { nameOf } from './postgres-statements.ts'
import { quoted } from './postgres-table.ts'
import { tokensOf } from './postgres-tokens.ts'

/** Tables whose changes are logged: those of the models, and those that were logged before. */
export async function loggedTables(ask: Ask, schema: Schema): Promise<Set<string>> {
  const { log } = await readDerived(ask)
  const declared = appTables(schema).filter(({ logged }) => logged)
  return new Set([...log.keys(), ...declared.map(({ name }) => name)])
}

/**
 * Puts the log's triggers on tables as they are now, which in the middle of a migration are not those of the models. No
 * lock is waited for but that of a new trigger: a function is replaced beside those who write.
 */
export async function dressLog(ask: Ask, schema: Schema, names: ReadonlySet<string>): Promise<void> {
  const tables = await readTables(ask, names)
  for (const table of tables.values()) {
    const spec = await specOf(ask, schema, table)
    for (const sql of [...recordShapesSql(spec), ...logTriggers(spec).values()]) await ask(sql)
  }
}

/** After a rename the triggers call a function of the new name. */
export async function dropLogFunction(ask: Ask, table: string): Promise<void> {
  await ask(`DROP FUNCTION IF EXISTS ${quoted(functionName(table))}()`)
}

/** The setting under which the log's trigger of a table that is being filled writes nothing. */
export const fillingSetting = 'monobloc.filling'

/** Lets the log pass over what fills a table, and nothing else: what others write meanwhile is logged. */
export async function muteLog(ask: Ask, schema: Schema, name: string): Promise<void> {
  const table = (await readTables(ask, new Set([name]))).get(name)!
  const spec = await specOf(ask, schema, table)
  const body = logFunctionBody(spec)
  const made = logTriggers(spec).get(functionName(name))!
  const muted = `\nBEGIN\nIF current_setting('${fillingSetting}', true) = ${literalOf(name)} THEN RETURN NULL; END IF;${body.replace(/^\nBEGIN/, '')}`
  await ask(made.replace(body, () => muted))
}

function literalOf(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** The model's own description where the table is as it says, else one made from the table. */
async function specOf(ask: Ask, schema: Schema, table: ActualTable): Promise<TableSpec> {
  const columns = [...table.columns].filter(([name]) => !name.startsWith(newPrefix))
  const declared = appTables(schema).find(({ name }) => name === table.name)
  const secrets = await secretsOf(ask, table.name)
  const fits =
    declared?.columns.length === columns.length &&
    declared.columns.every(
      ({ name, type, secret }) => isSameType(type, table.columns.get(name)?.type) && (secret || !secrets.has(name)),
    )
  if (fits) return declared
  for (const column of declared?.columns ?? []) if (column.secret) secrets.add(column.name)
  return {
    name: table.name,
    model: undefined,
    columns: columns.map(([name, { type, nullable }]) => ({
      name,
      type: type ?? ({ type: 'text' } as ColumnType),
      nullable,
      default: undefined,
      secret: secrets.has(name),
    })),
    key: [...table.key],
    indexes: [],
    references: [],
    checks: [],
    search: [],
    logged: true,
  }
}

// What was ever left out of the log under this name stays out.
async function secretsOf(ask: Ask, table: string): Promise<Set<string>> {
  const rows = await ask<{ columns: string }>('select columns from monobloc_shape where table_name = $1', [table])
  return new Set(rows.flatMap(({ columns }) => JSON.parse(columns).secret as string[]))
}

/** Drops a table's full-text index where it stands on a column that is to go: it is made again in the end. */
export async function dropSearchOver(ask: Ask, table: string, column: string | undefined): Promise<void> {
  const found = (await readDerived(ask)).search.get(table)
  if (!found) return
  const reads = tokensOf(found.expression).some((token) => token.kind !== 'string' && nameOf(token) === column)
  if (column === undefined || reads) await ask(dropSearchSql(table))
}

/** The log's triggers and the full-text indexes that the tables should have, when all is done. */
export async function dressFinally(ask: Ask, schema: Schema, stale: ReadonlySet<string>): Promise<void> {
  const tables = await readTables(ask)
  const ready = appTables(schema).filter(({ name, columns }) =>
    columns.every((column) => tables.get(name)?.columns.has(column.name)),
  )
  const others = [...stale].filter((name) => !ready.some((table) => table.name === name))
  await dressLog(ask, schema, new Set(others))
  for (const { sql } of await compareDerived(ask, ready)) for (const each of sql) await ask(each)
}
