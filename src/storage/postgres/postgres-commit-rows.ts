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
 * The row of several units that have one entry each: the entries before it, in their order. It answers whether a trigger
 * or a rule of somebody else's may have written more.
 *
 * Bind `unitRows(…)`, and the name of the table as SQL has it.
 */
export const appendUnits: Statement = {
  sql: `insert into monobloc_log (shape, operation, row) values (0, ${unitOperation}, $1)
    returning exists (
      select from pg_trigger
      where tgrelid = to_regclass($2::text) and not tgisinternal and tgname not like 'monobloc\\_%'
    ) or exists (select from pg_rewrite where ev_class = to_regclass($2::text))`,
  reach: 'bounded',
}

export function unitRows(rows: readonly string[]): string {
  return `[${rows.join()}]`
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
  sql: `select unit ->> 4 from monobloc_log, json_array_elements(
      case when json_typeof(row::json -> 0) = 'array' then row::json else json_build_array(row::json) end) unit
    where xid = $1::xid8 and operation = ${unitOperation}`,
  reach: 'bounded',
}

/** Half a surrogate pair, or U+0000, would stop the stamper at this row for good: PostgreSQL's JSON can't give it as text. */
function storable(text: string | null | undefined): string | null {
  return text?.toWellFormed().replaceAll('\0', '\uFFFD') ?? null
}
