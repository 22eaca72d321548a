import { MonoblocError } from '../../errors.ts'
import type { Schema } from '../../schema/index.ts'
import type { SchemaChange, SqlRow } from '../storage.ts'
import { type Ask, readTables } from './postgres-catalog.ts'
import { compareSchema, noteForms } from './postgres-compare.ts'
import type { PostgresConnection } from './postgres-connection.ts'
import { translateError } from './postgres-errors.ts'
import { createFunctionSql, ownFunctionsIn } from './postgres-functions.ts'
import { boundValue, naturalParsers, parseCells } from './postgres-values.ts'

/** Of the advisory lock under which tables are changed: nodes may start at the same moment. "sche" in ASCII. */
const changingLock = 0x73636865

/** Milliseconds that a change waits for a table which others use; they wait behind it meanwhile. */
const lockMillis = 10_000

/** What would have to change, read in one transaction. */
export function compareOn(connection: PostgresConnection, schema: Schema): Promise<SchemaChange[]> {
  return inTransaction(connection, (ask) => compareSchema(ask, schema))
}

/** Makes the changes, all or none. @throws MonoblocError `schema_differs` */
export async function applyOn(
  connection: PostgresConnection,
  schema: Schema,
  changes: readonly SchemaChange[],
): Promise<void> {
  const unsafe = changes.filter((change) => !change.safe).map((change) => change.description)
  if (unsafe.length > 0) {
    throw new MonoblocError('schema_differs', { detail: `Not safe to do: ${unsafe.join('; ')}.` })
  }
  const done = new Set(changes.map((change) => change.description))
  const remaining = async (ask: Ask) =>
    (await compareSchema(ask, schema)).filter((change) => done.has(change.description))
  try {
    await inTransaction(connection, async (ask) => {
      // An index over a large table takes as long as it takes.
      await ask(`set local statement_timeout = 0`)
      await ask(`set local lock_timeout = ${lockMillis}`)
      await ask('select pg_advisory_xact_lock($1, hashtext(current_schema()))', [changingLock])
      const before = await readTables(ask, new Set(schema.tables.map((table) => table.name)))
      for (const sql of changes.flatMap((change) => change.sql)) await ask(sql)
      await noteForms(
        ask,
        schema,
        schema.tables.filter((table) => !before.has(table.name) && done.has(`create table ${table.name}`)),
      )
      const left = await remaining(ask)
      if (left.length > 0)
        throw new Error(`these changes did not take: ${left.map((change) => change.description).join('; ')}`)
    })
  } catch (error) {
    // Another node may have made them meanwhile.
    if (error instanceof MonoblocError && (await inTransaction(connection, remaining)).length === 0) return
    throw error
  }
}

/** Makes Monobloc's functions where they are missing or those of another version. */
export function prepareFunctions(connection: PostgresConnection): Promise<void> {
  return inTransaction(connection, async (ask) => {
    const found = await ask<{ name: string; body: string }>(
      `select proname as name, prosrc as body from pg_proc
       where pronamespace = (select oid from pg_namespace where nspname = current_schema()) and proname like 'monobloc\\_%'`,
    )
    const there = new Map(found.map(({ name, body }) => [name, body]))
    const [at] = await ask<{ schema: string }>('select current_schema() as schema')
    const missing = ownFunctionsIn(at!.schema).filter(({ name, body }) => there.get(name) !== body)
    if (missing.length === 0) return
    await ask('select pg_advisory_xact_lock($1, hashtext(current_schema()))', [changingLock])
    for (const one of missing) await ask(createFunctionSql(one))
  })
}

async function inTransaction<T>(connection: PostgresConnection, work: (ask: Ask) => Promise<T>): Promise<T> {
  const ask = askAlone(connection)
  try {
    await ask('begin isolation level read committed read write')
    const result = await work(ask)
    await ask('commit')
    return result
  } catch (error) {
    if (!connection.isLost) await ask('rollback').catch(() => {})
    throw translateError(error)
  } finally {
    // None of it is asked again, and what was prepared before may have another answer now.
    connection.forget()
  }
}

/** One statement after another, on a connection that nobody else uses meanwhile. */
function askAlone(connection: PostgresConnection): Ask {
  return <Row>(sql: string, values: readonly unknown[] = []) =>
    new Promise<Row[]>((resolve, reject) => {
      connection.ask({
        statement: { sql, reach: 'bounded' },
        values: values.map(boundValue),
        maxRows: Infinity,
        done({ fields, rows }) {
          const parsers = naturalParsers(fields)
          const records = rows.map((cells) => {
            const values = parseCells(cells, parsers)
            return Object.fromEntries(fields.map(({ name }, at) => [name, values[at]!])) as SqlRow
          })
          resolve(records as Row[])
        },
        failed: reject,
      })
    })
}
