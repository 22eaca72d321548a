import { clearTimeout, setTimeout } from 'node:timers'
import { setTimeout as wait } from 'node:timers/promises'
import type { Statement } from '../storage.ts'
import type { Answer } from './postgres-batch.ts'
import { unitsOf } from './postgres-commit-rows.ts'
import type { PostgresConnection } from './postgres-connection.ts'
import { isServerError } from './postgres-lost.ts'
import type { PostgresPool } from './postgres-pool.ts'
import { type OwnStatement, wireValues } from './postgres-values.ts'

export type Outcome = 'committed' | 'aborted' | 'unknown'

/** A transaction whose COMMIT was sent and not answered. */
export interface LostTransaction {
  /** Its number (xid8). */
  transaction: string
  /** The life of the server in which it was begun: see `epoch`. */
  epoch: string
  /** The units of work in it, by what tells them from every other. */
  units: ReadonlySet<string>
}

/**
 * What is another after each start of a server, after it came back from a crash, and after another took its place. A
 * transaction's number that never reached the disk is given anew after a crash, so that "number 700 has committed" says
 * something about our own 700 only within one such life.
 */
export const epoch = `pg_postmaster_start_time() || ' ' || (select timeline_id from pg_control_checkpoint())
  || ' ' || coalesce((select stats_reset::text from pg_stat_bgwriter), '')`

const lookUp: Statement = { sql: `select pg_xact_status($1::xid8), ${epoch}`, reach: 'bounded' }

// Whose client is gone, and who therefore will never be told to go on. One that is committing is left to it.
const endIdle: Statement = {
  sql: `select pg_terminate_backend(pid) from pg_stat_activity
    where backend_xid = $1::xid8::xid and state like 'idle in transaction%'`,
  reach: 'bounded',
}

// Its own commit comes back when everything before it is as durable as the server was told to make it, which may mean on a
// standby. A transaction that was seen need not be: whoever waited for the standby may have been cut off, and the server
// may have been killed before the standby heard of it.
const madeDurable: Statement = { sql: "select pg_logical_emit_message(true, 'monobloc', '')", reach: 'bounded' }

/** Milliseconds between two looks. */
const pause = 100

/** Milliseconds after which who holds the transaction open without a word is ended. */
const patience = 500

/**
 * Finds out what became of a transaction, on another connection: waits while it is still in progress. `unknown` when that
 * can't be told until the deadline, or ever.
 *
 * @param deadlineAt on the monotonic clock
 */
export async function findOutcome(pool: PostgresPool, lost: LostTransaction, deadlineAt: number): Promise<Outcome> {
  const begunAt = performance.now()
  while (performance.now() < deadlineAt) {
    try {
      const connection = await pool.take(deadlineAt, 'database_busy', true)
      const giveUp = () => connection.lose(new Error('what became of a transaction could not be found out in time'))
      const timer = setTimeout(giveUp, Math.max(0, deadlineAt - performance.now()))
      try {
        const found = await lookUpOn(connection, lost, performance.now() - begunAt > patience)
        if (found) return found
      } finally {
        clearTimeout(timer)
        pool.give(connection)
      }
    } catch (error) {
      // The number is greater than any that this server knows: nothing of it reached the disk.
      if (isServerError(error) && error.code === '22023') return 'aborted'
      if (pool.isClosed) return 'unknown'
    }
    await wait(pause)
  }
  return 'unknown'
}

async function lookUpOn(
  connection: PostgresConnection,
  { transaction, epoch: before, units }: LostTransaction,
  impatient: boolean,
): Promise<Outcome | undefined> {
  const { rows } = await ask(connection, { statement: lookUp, values: [transaction] })
  const [status, now] = rows[0]!
  if (status === 'in progress') {
    if (impatient) await ask(connection, { statement: endIdle, values: [transaction] })
    return undefined
  }
  if (status === 'aborted') return 'aborted'
  if (status === 'committed' && now === before) return durable(connection)
  // The server is another than it was, or was restored from its log: the number may have been given anew. A transaction
  // has the rows of one process's units, so that a foreign one says that it has. Without a row nobody can tell.
  const found = (await ask(connection, { statement: unitsOf, values: [transaction] })).rows
  if (found.some(([unit]) => units.has(unit!))) return durable(connection)
  return found.length > 0 ? 'aborted' : 'unknown'
}

async function durable(connection: PostgresConnection): Promise<'committed'> {
  await ask(connection, { statement: madeDurable, values: [] })
  return 'committed'
}

function ask(connection: PostgresConnection, { statement, values }: OwnStatement): Promise<Answer> {
  return new Promise((done, failed) =>
    connection.ask({ statement, values: wireValues(values), maxRows: Infinity, done, failed }),
  )
}
