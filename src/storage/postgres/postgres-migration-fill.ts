// A new column gets its values in batches of blocks, each in a transaction of its own. What others write meanwhile is given
// its value by a trigger, so that a row is right whether a batch has come to it or not.
import type { Schema } from '../../schema/index.ts'
import { refused } from '../migrations/migration-refusal.ts'
import { type Ask, ownPrefix, readTables } from './postgres-catalog.ts'
import type { MigrationClient } from './postgres-migration-client.ts'
import { dressLog, fillingSetting, muteLog } from './postgres-migration-dress.ts'
import { failure, type PlacedStatement, placedStatements } from './postgres-migration-run.ts'
import { fitted } from './postgres-names.ts'
import { newColumn, newPrefix, unconverted } from './postgres-shadow.ts'
import { nameOf, type SchemaAct, schemaAct } from './postgres-statements.ts'
import { quoted } from './postgres-table.ts'

const triggerPrefix = `${ownPrefix}fill_`

export interface FillOptions {
  client: MigrationClient
  schema: Schema
  part: PlacedStatement
  waitMillis: number
  /** Blocks of 8 KiB in one transaction. */
  batchBlocks: number
  /** Blocks that were filled before a crash; undefined when it was not begun. */
  from: number | undefined
  progress(done: number, total: number): void
  /** @param blocks that are filled; undefined when all are */
  note(blocks: number | undefined): Promise<void>
}

export async function fillTable(options: FillOptions): Promise<void> {
  const { client, schema, part, waitMillis, batchBlocks, progress, note } = options
  const { ask } = client
  const fill = readFill(part)
  let from = options.from
  if (from === undefined) {
    from = 0
    await client.patiently(waitMillis, async () => {
      for (const sql of triggerSql(fillsSoFar(part))) await ask(sql)
      if (await isLogged(ask, fill.table)) await muteLog(ask, schema, fill.table)
      await note(0)
    })
  }
  // Rows that come from here on have their value already, wherever they are put.
  const [size] = await ask<{ blocks: string }>(
    "select pg_relation_size($1::regclass) / current_setting('block_size')::bigint as blocks",
    [quoted(fill.table)],
  )
  const total = Number(size!.blocks)
  const where = fill.condition === undefined ? '' : `(${fill.condition}) AND `
  for (let at = from; at < total; at += batchBlocks) {
    progress(at, total)
    const end = Math.min(at + batchBlocks, total)
    await client.patiently(waitMillis, async () => {
      await ask('select set_config($1, $2, true)', [fillingSetting, fill.table])
      try {
        await ask(`${fill.head} WHERE ${where}ctid >= '(${at},0)' AND ctid < '(${end},0)'`)
      } catch (error) {
        throw failure(part, error)
      }
      await note(end)
    })
  }
  progress(total, total)
  await client.patiently(waitMillis, async () => {
    if (await isLogged(ask, fill.table)) await dressLog(ask, schema, new Set([fill.table]))
    await note(undefined)
  })
}

interface Fill {
  table: string
  column: string
  value: string
  condition: string | undefined
  /** Up to the condition. */
  head: string
}

/** @throws MonoblocError `migration_refused` for what is not one column's value */
export function readFill({ file, section, statement: { sql, tokens } }: PlacedStatement): Fill {
  const start = tokens[0]!.start
  const words = tokens.map((token) => (token.kind === 'word' ? token.text.toLowerCase() : ''))
  const set = words.indexOf('set')
  const depths = depthsOf(tokens)
  const where = words.findIndex((word, at) => word === 'where' && depths[at] === 0)
  const end = where < 0 ? tokens.length : where
  const isPlain = words[0] === 'update' && set === 2 && tokens[4]?.text === '='
  const isMore = tokens.some(
    ({ text, kind }, at) =>
      at > set &&
      at < end &&
      depths[at] === 0 &&
      ((text === ',' && kind === 'symbol') || ['from', 'returning'].includes(words[at]!)),
  )
  if (!isPlain || isMore) {
    throw refused(
      file,
      `line ${section.line} (fill: ${section.title}): on a large table a fill is UPDATE table SET column = (…), with WHERE or without; the value is one of the row's own.`,
    )
  }
  const text = (from: number, to: number) => sql.slice(tokens[from]!.start - start, tokens[to - 1]!.end - start)
  return {
    table: nameOf(tokens[1]!),
    column: nameOf(tokens[3]!),
    value: text(5, end),
    condition: where < 0 ? undefined : text(where + 1, tokens.length),
    head: text(0, end),
  }
}

function depthsOf(tokens: PlacedStatement['statement']['tokens']): number[] {
  let depth = 0
  return tokens.map(({ kind, text }) => {
    if (kind === 'symbol' && text === '(') return depth++
    if (kind === 'symbol' && text === ')') return --depth
    return depth
  })
}

/** The fills of this one's column, up to it: one trigger does what all of them do. */
function fillsSoFar(part: PlacedStatement): Fill[] {
  const { table, column } = readFill(part)
  const before = placedStatements(part.file).slice(0, part.place)
  const ended = before.findLastIndex(({ statement }) => tableOfEnd(schemaAct(statement)) === table)
  const fills = before.slice(ended + 1).filter(({ section }) => section.kind === 'fill')
  return [...fills, part].map(readFill).filter((fill) => fill.table === table && fill.column === column)
}

/** The table whose columns go or take their places: from here on nobody fills it. */
export function tableOfEnd(act: SchemaAct | undefined): string | undefined {
  const ends = act?.act === 'drop column' || act?.act === 'rename column' || act?.act === 'rename table'
  return ends ? act.name : undefined
}

/**
 * A column that takes another's place follows it; any other keeps what was written. A value that can't be converted stays
 * null here, and is told of by the fill or before the old one goes: whoever writes it now has done nothing wrong.
 */
function triggerSql(fills: Fill[]): string[] {
  const { table, column } = fills[0]!
  const name = quoted(fitted(`${triggerPrefix}${table}.${column}`))
  const made = `NEW.${quoted(column)}`
  const row = `FROM (SELECT NEW.*) AS ${quoted(table)}`
  const acts = fills.map(({ value, condition }) => {
    const assign = `SELECT ${value} INTO ${made} ${row};`
    return condition === undefined ? assign : `IF EXISTS (SELECT ${row} WHERE ${condition}) THEN ${assign} END IF;`
  })
  // A column may be called as a variable is that the server has here, such as `found`.
  const body = `
#variable_conflict use_column
BEGIN
${column.startsWith(newPrefix) ? `${made} := NULL;\n` : ''}IF ${made} IS NULL THEN
${acts.join('\n')}
END IF;
RETURN NEW;
EXCEPTION WHEN data_exception THEN
${made} := NULL;
RETURN NEW;
END`
  return [
    `CREATE OR REPLACE FUNCTION ${name}() RETURNS trigger LANGUAGE plpgsql AS $fill$${body}$fill$`,
    `CREATE OR REPLACE TRIGGER ${name} BEFORE INSERT OR UPDATE ON ${quoted(table)} FOR EACH ROW EXECUTE FUNCTION ${name}()`,
  ]
}

/**
 * Before a column that was written to meanwhile goes: what the new one could not take from it is converted once more, and
 * fails with its value. Nobody else writes until the transaction ends.
 *
 * @throws MonoblocError `migration_refused`
 */
export async function refuseUnconverted(ask: Ask, part: PlacedStatement): Promise<void> {
  const { table, column, value, condition } = readFill(part)
  const columns = (await readTables(ask, new Set([table]))).get(table)?.columns
  const old = [...(columns?.keys() ?? [])].find((name) => newColumn(name) === column)
  if (old === undefined || !columns!.has(column)) return
  await ask(`LOCK TABLE ${quoted(table)}`)
  // By the index that the plan has made for it, of which the server may not know how small it is.
  await ask('SET LOCAL enable_seqscan = off')
  try {
    const where = condition === undefined ? '' : ` AND (${condition})`
    await ask(`SELECT count(${value}) FROM ${quoted(table)} WHERE ${unconverted(old)}${where}`)
  } catch (error) {
    throw failure(part, error)
  }
}

/** @param tables those whose columns now take their places; default: all */
export async function dropFillTriggers(ask: Ask, tables?: ReadonlySet<string>): Promise<void> {
  if (tables?.size === 0) return
  for (const [name, { triggers }] of await readTables(ask, tables)) {
    for (const trigger of triggers.keys()) {
      if (!trigger.startsWith(triggerPrefix)) continue
      await ask(`DROP TRIGGER ${quoted(trigger)} ON ${quoted(name)}`)
      await ask(`DROP FUNCTION ${quoted(trigger)}()`)
    }
  }
}

async function isLogged(ask: Ask, table: string): Promise<boolean> {
  const found = (await readTables(ask, new Set([table]))).get(table)
  return found?.triggers.has(`${ownPrefix}log_update`) ?? false
}
