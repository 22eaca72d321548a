import { MonoblocError } from '../../errors.ts'
import { eventShape } from '../sql/event-shape.ts'
import { recordShapeSql, shapeId } from '../sql/log-shape.ts'
import type { SqlRow, Statement } from '../storage.ts'
import type { AskTogether } from './postgres-ask.ts'

/** Grows when a database of before could not be read by the code of today. */
export const formatVersion = 1

/** Of the advisory lock under which the tables are made: nodes may start at the same moment. "mono" in ASCII. */
const makingLock = 0x6d6f6e6f

/**
 * Which server wrote the numbers of transactions: made by `initdb`, kept by its replicas and restored base backups. A dump
 * that is read into another server brings numbers along that mean nothing there.
 */
export const thisServer = `(select system_identifier::text from pg_control_system())`

/**
 * Monobloc's own tables.
 *
 * - `monobloc_meta`: the version of this layout.
 * - `monobloc_shape`: what the columns of a table were when entries were written. An entry holds values by place, which
 *   makes its trigger cheap and lets old entries be read after the table has changed.
 * - `monobloc_log`: one row for each change of a row, with the transaction that made it, and one at the end of each unit of
 *   work (`postgres-commit-rows.ts`). It is only appended to; one index serves the stamper and who reads.
 * - `monobloc_log_sequence`: where an entry stands among all. CACHE 1, or sessions would draw numbers ahead, and the order
 *   would be lost.
 * - `monobloc_commit`: one row for each transaction that has a position. `first` and `last` bound its entries among those
 *   of `xid`; `entries` is how many, `total` how many there were in the log ever until its end.
 * - `monobloc_stamp`: how far positions have been given (`postgres-stamper.ts`). The row with the greatest number counts.
 */
const statements = [
  `create table if not exists monobloc_meta (
    name text primary key,
    value text not null
  )`,
  `create table if not exists monobloc_shape (
    id bigint primary key,
    table_name text not null,
    columns text not null
  )`,
  'create sequence if not exists monobloc_log_sequence as bigint cache 1',
  `create table if not exists monobloc_log (
    xid xid8 not null default pg_current_xact_id(),
    sequence bigint not null default nextval('monobloc_log_sequence'),
    shape bigint not null,
    operation smallint not null,
    row text not null,
    previous text,
    omitted text,
    primary key (xid, sequence)
  )`,
  'alter sequence monobloc_log_sequence owned by monobloc_log.sequence',
  `create table if not exists monobloc_commit (
    position bigint primary key,
    xid xid8 not null,
    first bigint not null,
    last bigint not null,
    entries bigint not null,
    total bigint not null,
    at bigint not null,
    actor text,
    cause text,
    trace text,
    outside boolean not null
  )`,
  `create table if not exists monobloc_stamp (
    id bigint primary key,
    position bigint not null,
    total bigint not null,
    seen pg_snapshot not null,
    server text not null,
    floor bigint not null
  )`,
  `insert into monobloc_stamp (id, position, total, seen, server, floor)
    select 1, 0, 0, pg_current_snapshot(), ${thisServer}, 0 where not exists (select from monobloc_stamp)`,
  `insert into monobloc_meta values ('format', '${formatVersion}') on conflict do nothing`,
  recordShapeSql(eventShape),
]

/** One after another; harmless where the tables are there. */
export const ownTablesSql: string = statements.join(';\n')

// The shape was added later: what an earlier version made lacks it.
const isThere: Statement = {
  sql: "select to_regclass('monobloc_stamp') is not null as there",
  reach: 'bounded',
}
const hasShape: Statement = {
  sql: `select exists (select from monobloc_shape where id = ${shapeId(eventShape)}) as there`,
  reach: 'bounded',
}
const format: Statement = { sql: "select value from monobloc_meta where name = 'format'", reach: 'bounded' }

/**
 * Makes Monobloc's own tables where they are missing, in a transaction of its own.
 *
 * @throws MonoblocError `configuration_invalid` when a newer Monobloc wrote the database
 */
export async function prepareOwnTables(ask: AskTogether): Promise<void> {
  const [[there]] = (await ask([[isThere, []]])) as [[{ there: unknown }]]
  const isWhole = there.there === 't' && (await ask([[hasShape, []]]))[0]![0]!.there === 't'
  if (!isWhole) {
    const making = [
      'begin isolation level read committed read write',
      `select pg_advisory_xact_lock(${makingLock}, 0)`,
      ...statements,
      'commit',
    ]
    await ask(making.map((sql) => [{ sql, reach: 'bounded' }, []]))
  }
  const [[found]] = (await ask([[format, []]])) as [SqlRow[]]
  if (found?.value !== String(formatVersion)) {
    throw new MonoblocError('configuration_invalid', {
      detail: `The database has format ${found?.value}, and this version of Monobloc reads ${formatVersion}.`,
    })
  }
}
