import { MonoblocError } from '../../errors.ts'
import type { TableSpec } from '../../schema/index.ts'
import { tableEntrySql } from '../sql/log-shape.ts'
import type { Session, Statement } from '../storage.ts'
import { quoted } from './postgres-table.ts'

interface EmptyStatements {
  lock: Statement
  count: Statement
  before: Statement[]
  rows: Statement
  nothingLeft: Statement
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
  const { lock, count, before, rows, nothingLeft, after } = statementsFor(table)
  // As the first statement of a unit it comes before the snapshot, so that this has all that the lock waited for.
  await session.run(lock, [])
  if (Number(await session.value(count, [])) === 0) return 0
  for (const statement of before) await session.run(statement, [])
  let gone = 0
  try {
    gone = await session.run(rows, [])
  } catch (cause) {
    if (!(cause instanceof MonoblocError) || cause.code !== 'reference_not_found') throw cause
    throw new MonoblocError('reference_in_use', { subject: table.name, cause })
  }
  await session.run(nothingLeft, [])
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
      lock: statement(`lock table ${name} in share row exclusive mode`),
      count: statement(`select count(*) from (select from ${name} limit 1) as any_row`),
      before: trigger('disable').map(statement),
      rows: statement(`delete from ${name}`),
      nothingLeft: statement(nothingLeftSql(table)),
      after: [...trigger('enable'), ...(table.logged ? tableEntrySql(table.name, 'empty') : [])].map(statement),
    }
    known.set(table, statements)
  }
  return statements
}

/**
 * Fails like a conflict when the table holds a row that was committed after the snapshot of this unit: the log would say
 * that it is gone. No statement of this transaction can see such a row, but a foreign key that is made is checked against
 * all that is there: one to a table without rows. Nothing of it stays.
 */
function nothingLeftSql(table: TableSpec): string {
  const name = quoted(table.name)
  const key = table.key.map(quoted).join(', ')
  return `do $check$ begin
    begin
      create table monobloc_nothing as select ${key} from ${name} with no data;
      alter table monobloc_nothing add primary key (${key});
      alter table ${name} add foreign key (${key}) references monobloc_nothing;
      raise exception using errcode = 'MB000';
    exception
      when sqlstate 'MB000' then null;
      when foreign_key_violation then raise exception using errcode = '40001', message = 'a row came in between';
    end;
  end $check$`
}
