import type { Statement, WriteOptions } from '../storage.ts'

/** The `operation` of a unit's row among the entries of the log. It has no shape. */
export const unitOperation = 5

/**
 * The last statement of a unit of work, in its transaction: its row, behind its entries. The entries of a unit are those
 * of the same transaction since the row of the unit before it, so that several units may share one transaction, one after
 * another.
 *
 * It can't look whether the unit logged anything: reading the log under SERIALIZABLE would make every two writers
 * conflict. The stamper takes away the rows of units without an entry. A transaction that wrote nothing at all has no
 * number yet, and gets none for this.
 *
 * Bind `unitRow(…)`.
 */
export const appendUnit: Statement = {
  sql: `insert into monobloc_log (shape, operation, row) select 0, ${unitOperation}, $1
    where pg_current_xact_id_if_assigned() is not null`,
  reach: 'bounded',
}

/**
 * @param now milliseconds since the epoch
 * @param unit what tells this unit from every other, for who has to find out whether it was committed
 */
export function unitRow(now: number, { actor, cause, trace }: WriteOptions, unit: string): string {
  return JSON.stringify([Math.floor(now), storable(actor), storable(cause), storable(trace), unit])
}

/** The units of a transaction, by number, as far as they are in the log. Bind the number. */
export const unitsOf: Statement = {
  sql: `select row::json ->> 4 from monobloc_log where xid = $1::xid8 and operation = ${unitOperation}`,
  reach: 'bounded',
}

/** Half a surrogate pair, or U+0000, would stop the stamper at this row for good: PostgreSQL's JSON can't give it as text. */
function storable(text: string | null | undefined): string | null {
  return text?.toWellFormed().replaceAll('\0', '\uFFFD') ?? null
}
