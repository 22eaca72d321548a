import { MonoblocError } from '../../errors.ts'
import type { SqlRow, SqlValue, Statement } from '../storage.ts'
import type { AskTogether } from './postgres-ask.ts'
import { unitOperation } from './postgres-commit-rows.ts'
import { durably } from './postgres-options.ts'
import { thisServer } from './postgres-own-tables.ts'

// Gives transactions their positions: dense, whole transactions, in an order that can be trusted.
//
// States of a transaction that logs something:
//
// - written: its entries are in the log, and nobody else sees them. A crash leaves nothing.
// - visible: it has committed. Whoever stamps next takes it up. A crash leaves it visible.
// - stamped: its units have rows in `monobloc_commit`. A crash leaves it stamped: who has seen a position read it from a
//   commit that was on disk.
//
// **What a stamp does.** In one transaction (READ COMMITTED, each statement with a snapshot of its own) it takes an advisory
// lock, and then, in one statement, gives the next positions to every transaction that the statement's snapshot N sees and
// the snapshot O of the stamp before did not see. N is kept as the next O. Which transactions those are is known from the
// two snapshots alone: those that ran when O was taken and do not run any more, and those that began since and have ended.
// Nobody waits for one that still runs, be it here or in another database: it is in N's list of running ones, and so in a
// later difference. Within one stamp transactions are ordered by the greatest sequence number that each has drawn, units
// within a transaction by their own.
//
// **Why nothing is missed or doubled.** A later stamp begins its statement after it got the lock, and so after the commit
// of the one before: its N is O's successor in time, and whatever O saw N sees. The differences are disjoint, and each
// committed transaction is in one: the first whose N sees it. O and the positions are written by one transaction, so that a
// stamper which dies leaves both or neither.
//
// **Why the order holds.** PostgreSQL takes a transaction out of the list of running ones (1) before its locks are let
// go of, and before its client hears of the commit.
// - *T1 had ended before T2 began.* A snapshot that sees T2 sees T1: T1's stamp is the same or an earlier one. If it is the
//   same: T1 has drawn its numbers before T2 drew any, and numbers grow (CACHE 1), so T1 comes first.
// - *T1 and T2 change the same row, T1 first.* T2 got the row's lock, or saw T1's version, after T1 was out of the list
//   (1). So a snapshot that sees T2 sees T1, as above. If it is the same stamp: the entry of T2 for that row was drawn
//   after T1's end, when T1 had drawn all of its own, so T2's greatest is above T1's greatest. (T2's first may be below:
//   it is the greatest that counts.) The same goes for rows that are inserted and deleted under one key, for cascades,
//   and for TRUNCATE, which wait for one another too. And a unit that read what T1 committed has drawn the number of
//   its own row after that.
// - *Whole transactions.* A snapshot sees all of a transaction or nothing, savepoints included: entries carry the number
//   of the transaction around them (`pg_current_xact_id`), not their savepoint's.
// - *Prepared transactions* are in the list of running ones until COMMIT PREPARED, and keep their locks as long.
//
// **What does not hold**, and is tried in the fuzz so that it would be noticed if it did: that sequence numbers are in the
// order of commits (who draws first may commit last: `sequence > last` skips it), or that (xid, sequence) below the oldest
// running transaction is (a number of a transaction says when it first wrote, not when it committed, so that versions of a
// row swap places; and the oldest running transaction of any database holds everything up).
//
// **Why nobody stands in the way for long.** All statements of a stamp go to the server in one write, COMMIT with them:
// whatever becomes of the process that sent them, the server ends them by itself. What is left is a message cut in the
// middle. The server ends such a transaction when it has heard nothing for `silentMillis`
// (`idle_in_transaction_session_timeout`), and so does anyone who has waited that long (`pg_terminate_backend`), in case a
// pooler in between has reset the setting. A backend that works is left alone: it has much to stamp, or waits for its
// replica.
//
// **After a dump was restored.** The numbers of transactions in a table mean nothing in another server: those that were
// seen there may be yet to come here. The stamp knows the server (`system_identifier`) on which O was taken. On another one
// it first waits for those who write to the log, and gives positions to everything that has none, in the same order: a dump
// is one snapshot. From then on entries up to the greatest sequence number of that moment (`floor`) are never looked at
// again. Within one server numbers only grow, so a dump restored beside the original needs nothing of this; nor do a base
// backup, a replica that was promoted, or a copy by CREATE DATABASE.
//
// Numbers of transactions have 64 bits here and never wrap around; nor do positions and sequence numbers.

/** Longer than any statement of a stamp waits for the next of the same message, and short enough for who waits. */
const silentMillis = 2_000

/** How long who waits for the lock waits before it looks at who has it. */
const patienceMillis = 1_000

function bounded(sql: string): Statement {
  return { sql, reach: 'bounded' }
}

/** "mono" in ASCII, and the table: each log of a database has a lock of its own. */
const lockKey = `(${0x6d6f6e6f}::bigint << 32) | 'monobloc_log'::regclass::oid::bigint`

const begin = bounded('begin isolation level read committed read write')
const beginLook = bounded('begin isolation level read committed read only')
// The indexes are the only ways in that do not read everything, what is dead included, and plans are kept: the first must
// not be made for a table that was small when it was made.
const planning = bounded(`
  select set_config('enable_seqscan', 'off', true), set_config('enable_bitmapscan', 'off', true), set_config('jit', 'off', true)`)
// A position must be on disk before anyone acts on it, whatever was set for the role.
const settings = bounded(`
  select set_config('idle_in_transaction_session_timeout', '${silentMillis}', true),
    set_config('lock_timeout', '${patienceMillis}', true), set_config('statement_timeout', '0', true),
    ${durably(true)}`)
const lock = bounded(`select pg_advisory_xact_lock(${lockKey})`)
const commit = bounded('commit')

/**
 * Each stamp adds a row, and takes an old one away: one row that is changed again and again would have thousands of dead
 * versions beside a long transaction, which may see them yet, and everyone would read through them.
 */
export const newestStamp = '(select * from monobloc_stamp order by id desc limit 1) newest'

/** Spans of numbers of transactions which O does not see and N does: each an index search, and no running one within. */
const spans = `
  state as materialized (
    select *, server = ${thisServer} as same, pg_current_snapshot() as now from ${newestStamp}
  ),
  running as (
    select x::text::bigint as x from state, pg_snapshot_xip(now) x where x >= pg_snapshot_xmax(seen)
    union all
    select pg_snapshot_xmax(now)::text::bigint from state
  ),
  span as (
    select x as low, x as high from state, pg_snapshot_xip(seen) x where pg_visible_in_snapshot(x, now)
    union all
    select low::text::xid8, high::text::xid8 from (
      select lag(x + 1, 1, pg_snapshot_xmax(seen)::text::bigint) over (order by x) as low, x - 1 as high from running, state
    ) between_them
    where low <= high
  )`

/**
 * Of entries with `xid`, `sequence`, `unit` and `apart`: the units they make up. What stands behind the last unit's row is
 * outside. A row of several units (`appendUnits`) stands behind as many entries, one of each. Where they are more or fewer
 * nobody knows whose they are: they are one unit of nobody's.
 */
const units = `
  parted as (
    select *, row_number() over entry as place,
      count(unit) over (entry rows between unbounded preceding and 1 preceding) as part
    from fresh window entry as (partition by xid, apart order by sequence)
  ),
  closed as (
    select xid, apart, part, min(sequence) filter (where unit is null) as first, max(sequence) as last, min(place) as start,
      count(*) filter (where unit is null) as entries, max(unit)::jsonb as said,
      max(max(sequence)) over (partition by xid, apart) as drawn
    from parted group by xid, apart, part
  ),
  told as materialized (
    select *, jsonb_typeof(said -> 0) = 'array' as several,
      jsonb_typeof(said -> 0) = 'array' and jsonb_array_length(said) = entries as fits
    from closed
  ),
  unit as materialized (
    select xid, first, last, entries, drawn, case when several then jsonb_build_array(said #> '{0,0}') else said end as said
    from told where fits is not true
    union all
    select e.xid, e.sequence, case when e.place - start + 1 = entries then last else e.sequence end, 1, drawn,
      said -> (e.place - start)::integer
    from told join parted e on e.xid = told.xid and e.apart = told.apart and e.part = told.part
    where fits and e.unit is null
  ),
  given as (
    insert into monobloc_commit (position, xid, first, last, entries, total, at, actor, cause, trace, outside)
    select position + row_number() over in_order, xid, first, last, entries, total + sum(entries) over in_order,
      coalesce((said ->> 0)::bigint, $1::bigint), said ->> 1, said ->> 2, said ->> 3, said is null
    from unit, state where entries > 0
    window in_order as (order by drawn, last)
    returning entries
  ),
  unused as (
    delete from monobloc_log l using unit u where u.entries = 0 and l.xid = u.xid and l.sequence = u.last
  )`

/** Rows of stamps that stay, for people to look at. */
const keptStamps = 10

/** Binds nothing of its own. `where` is of the state before. */
function nextStamp(server: string, floor: string, where: string): string {
  return `insert into monobloc_stamp (id, position, total, seen, server, floor)
    select id + 1, position + (select count(*) from given), total + (select coalesce(sum(entries), 0) from given), now,
      ${server}, ${floor}
    from state where ${where} returning position`
}

const forgetStamp = `delete from monobloc_stamp where id = (select id from state) - ${keptStamps}`

const stampStatement = bounded(`
  with ${spans},
  fresh as materialized (
    select l.xid, l.sequence, case when l.operation = ${unitOperation} then l.row end as unit, false as apart
    from state cross join span join monobloc_log l on l.xid >= span.low and l.xid <= span.high and l.sequence > state.floor
    where state.same
  ),
  ${units},
  moved as (${nextStamp('server', 'floor', 'exists (select from fresh)')}),
  forgotten as (${forgetStamp} and exists (select from fresh))
  select coalesce((select position from moved), position) as position, same from state`)

const lookStatement = bounded(`
  with ${spans}
  select position, same and not exists (
    select from span, lateral (
      select from monobloc_log l where l.xid >= span.low and l.xid <= span.high and l.sequence > state.floor limit 1
    ) one
  ) as stamped from state`)

export interface LogEnd {
  /** The newest position; 0 when there is none. */
  position: number
  /** Nothing had been committed that has no position yet. */
  isStamped: boolean
}

/** Asks where the log ends. What is asked for with it, `more`, is answered from snapshots taken later. */
export async function lookAtEnd(
  ask: AskTogether,
  more: readonly (readonly [Statement, readonly SqlValue[]])[] = [],
): Promise<[LogEnd, ...SqlRow[][]]> {
  const answers = await ask([[beginLook, []], [planning, []], [lookStatement, []], ...more, [commit, []]])
  const [, , [row], ...rest] = answers as [SqlRow[], SqlRow[], [SqlRow], ...SqlRow[][]]
  return [{ position: Number(row.position), isStamped: row.stamped === 't' }, ...rest]
}

/**
 * Gives every transaction that has committed before this call a position. Several may be called at once, anywhere.
 *
 * @param now milliseconds since the epoch: when changes of other programs were seen
 * @param deadlineAt on the monotonic clock
 * @param more statements to be answered afterwards, in the same round trip
 * @returns the newest position, and the answers to `more`
 * @throws MonoblocError `database_busy` when another one has worked until the deadline
 */
export async function stamp(
  ask: AskTogether,
  now: number,
  deadlineAt: number,
  more: readonly (readonly [Statement, readonly SqlValue[]])[] = [],
): Promise<[position: number, ...SqlRow[][]]> {
  for (;;) {
    try {
      const answers = await ask([
        ...[begin, settings, planning, lock].map((statement) => [statement, []] as const),
        [stampStatement, [Math.floor(now)]],
        [commit, []],
        ...more,
      ])
      const [row] = answers[4] as [SqlRow]
      if (row.same === 't') return [Number(row.position), ...answers.slice(6)]
      await ask(adoption(now))
    } catch (error) {
      if (!isLockTimeout(error)) throw error
      if (performance.now() > deadlineAt) {
        throw new MonoblocError('database_busy', { detail: 'Positions are being given in the log.', cause: error })
      }
      await endSilent(ask)
    }
  }
}

function isLockTimeout(error: unknown): boolean {
  return (error as { code?: unknown }).code === '55P03'
}

const endSilentStatement = bounded(`
  select pg_terminate_backend(a.pid) from pg_locks l join pg_stat_activity a on a.pid = l.pid
  where l.locktype = 'advisory' and l.granted and l.database = (select oid from pg_database where datname = current_database())
    and l.classid::bigint << 32 | l.objid::bigint = (${lockKey}) and l.objsubid = 1
    and a.state like 'idle in transaction%' and a.state_change < clock_timestamp() - interval '${silentMillis} ms'`)

/** Ends whoever holds the lock and says nothing more. Who may not do that waits for the server to do it. */
async function endSilent(ask: AskTogether): Promise<void> {
  await ask([[endSilentStatement, []]]).catch(() => {})
}

/**
 * Numbers of transactions that were written on another server. One of this server's may be the same by chance: then it is
 * newer than the row's own version (`xmin`), which the restore has made.
 */
const adoptStatement = bounded(`
  with state as materialized (select *, pg_current_snapshot() as now from ${newestStamp}),
  fresh as materialized (
    select l.xid, l.sequence, case when l.operation = ${unitOperation} then l.row end as unit,
      ((l.xmin::text::bigint - l.xid::text::bigint) & 4294967295) >= 2147483648 as apart
    from monobloc_log l left join monobloc_commit c on c.xid = l.xid and l.sequence between c.first and c.last
    where c.position is null
  ),
  ${units}
  ${nextStamp(thisServer, 'greatest(floor, (select max(sequence) from monobloc_log))', `server <> ${thisServer}`)}`)

// A dump of some tables may lack the sequence.
const raiseSequence = bounded(`
  select setval('monobloc_log_sequence', floor) from ${newestStamp}, monobloc_log_sequence where floor > last_value`)

/** SHARE waits for who writes to the log and keeps others from it: nothing at or below the floor can come later. */
function adoption(now: number) {
  const lockLog = bounded('lock table monobloc_log in share mode')
  const patient = bounded("select set_config('lock_timeout', '30s', true)")
  const statements = [begin, settings, lock, patient, lockLog].map((statement) => [statement, []] as const)
  return [...statements, [adoptStatement, [Math.floor(now)]], [raiseSequence, []], [commit, []]] as const
}
