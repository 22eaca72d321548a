import { MonoblocError } from '../../errors.ts'
import type { TableSpec } from '../../schema/index.ts'
import { tableEntrySql } from '../sql/log-shape.ts'
import type { Session, Statement } from '../storage.ts'
import { quoted } from './postgres-table.ts'

interface EmptyStatements {
  count: Statement
  before: Statement[]
  rows: Statement
  after: Statement[]
}

const known = new WeakMap<TableSpec, EmptyStatements>()

/**
 * Without the trigger that looks at each row. Not by TRUNCATE: it empties the table for snapshots that began before, too,
 * and is refused where others refer to it. Readers go on meanwhile, and writers of the table wait.
 *
 * @returns how many rows there were
 */
export async function emptyTable(session: Session, table: TableSpec): Promise<number> {
  const { count, before, rows, after } = statementsFor(table)
  if (Number(await session.value(count, [])) === 0) return 0
  for (const statement of before) await session.run(statement, [])
  let gone = 0
  try {
    gone = await session.run(rows, [])
  } catch (cause) {
    if (!(cause instanceof MonoblocError) || cause.code !== 'reference_not_found') throw cause
    throw new MonoblocError('reference_in_use', { subject: table.name, cause })
  }
  for (const statement of after) await session.run(statement, [])
  return gone
}

function statementsFor(table: TableSpec): EmptyStatements {
  let statements = known.get(table)
  if (!statements) {
    const name = quoted(table.name)
    const trigger = (act: string) => (table.logged ? [`alter table ${name} ${act} trigger monobloc_log_delete`] : [])
    const statement = (sql: string): Statement => ({ sql, reach: 'bounded' })
    statements = {
      count: statement(`select count(*) from (select from ${name} limit 1) as any_row`),
      before: trigger('disable').map(statement),
      rows: statement(`delete from ${name}`),
      after: [...trigger('enable'), ...(table.logged ? tableEntrySql(table.name, 'empty') : [])].map(statement),
    }
    known.set(table, statements)
  }
  return statements
}
