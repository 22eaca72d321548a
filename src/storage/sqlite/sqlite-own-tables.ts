import type { DatabaseSync } from 'node:sqlite'
import { MonoblocError } from '../../errors.ts'
import { eventShape, isEventShapeThere } from '../sql/event-shape.ts'
import { recordShapeSql } from '../sql/log-shape.ts'

/** Grows when a file of before could not be read by the code of today. */
export const formatVersion = 1

/**
 * Monobloc's own tables.
 *
 * - `monobloc_meta`: the version of this layout.
 * - `monobloc_shape`: what the columns of a table were when entries were written. An entry holds values by place, which
 *   makes its trigger cheap and lets old entries be read after the table has changed.
 * - `monobloc_log`: one row for each change of a row. Its sequence is the rowid, greatest plus one: pruning must keep
 *   the newest entry.
 * - `monobloc_commit`: one row for each transaction, with the range of its entries.
 * - `monobloc_statement`: how often each shape of statement ran, and when first and last (milliseconds since 1970). It is
 *   only for advice on indexes, and may be emptied.
 */
const tables = `
create table if not exists monobloc_meta (
  name text not null primary key,
  value text not null
) strict, without rowid;
create table if not exists monobloc_shape (
  id integer primary key,
  table_name text not null,
  columns text not null
) strict;
create table if not exists monobloc_log (
  sequence integer primary key,
  shape integer not null,
  operation integer not null,
  row text not null,
  previous text,
  omitted text
) strict;
create table if not exists monobloc_commit (
  position integer primary key,
  first integer not null,
  last integer not null,
  at integer not null,
  actor text,
  cause text,
  trace text,
  outside integer not null
) strict;
create table if not exists monobloc_statement (
  sql text not null primary key,
  runs integer not null,
  first integer not null,
  last integer not null
) strict, without rowid;
insert into monobloc_meta values ('format', '${formatVersion}') on conflict do nothing;
${recordShapeSql(eventShape)};
`

/**
 * Makes Monobloc's own tables where they are missing, in a transaction of its own.
 *
 * @throws MonoblocError `configuration_invalid` when a newer Monobloc wrote the file
 */
export function prepareOwnTables(db: DatabaseSync): void {
  // The last one was added later, and then the shape of events: what an earlier version made lacks them.
  const there = db
    .prepare("select count(*) as n from sqlite_schema where name in ('monobloc_meta', 'monobloc_statement')")
    .get()!.n
  if (there !== 2 || db.prepare(isEventShapeThere).get()!.n !== 1) {
    db.exec('begin immediate')
    try {
      db.exec(tables)
      db.exec('commit')
    } catch (error) {
      if (db.isTransaction) db.exec('rollback')
      throw error
    }
  }
  const found = db.prepare("select value from monobloc_meta where name = 'format'").get()?.value
  if (found !== String(formatVersion)) {
    throw new MonoblocError('configuration_invalid', {
      detail: `The database has format ${found}, and this version of Monobloc reads ${formatVersion}.`,
    })
  }
}
