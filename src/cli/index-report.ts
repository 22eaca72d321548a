import type { painter } from '../runtime/index.ts'
import type { IndexAdvice, IndexCost } from '../storage/index.ts'

type Paint = ReturnType<typeof painter>

/** Index advice, for people. */
export function indexReport(advice: IndexAdvice, paint: Paint): string {
  const { since, statements, runs, missing, unused, duplicate, scans } = advice
  const seen =
    since === null
      ? 'Nothing has been counted yet: let the app run for some minutes.'
      : `${statements === null ? 'Tables and indexes were scanned' : `${number(statements)} kinds of statements ran`} ${times(runs)} since ${since.slice(0, 16).replace('T', ' ')} UTC.`
  const parts = [
    seen,
    ...missing.map(({ table, declare, statements, rowsSaved, ...cost }) =>
      [
        `${paint('yellow', 'missing')}    ${declare}`,
        ...statements.map(
          ({ sql, runs, rowsNow, rowsThen }) =>
            `           ${times(runs)}: ${number(rowsNow)} rows of ${table} looked at, with it ${number(rowsThen)}\n           ${paint('dim', shortened(sql))}`,
        ),
        `           it would cost ${costs(cost)}`,
      ].join('\n'),
    ),
    ...duplicate.map(
      (index) =>
        `${paint('yellow', 'duplicate')}  ${index.index} (${index.fields.join(', ')}): ${coverOf(index)} begins with the same fields; it costs ${costs(index)}`,
    ),
    ...unused.map(
      (index) =>
        `${paint('yellow', 'unused')}     ${index.index} (${index.fields.join(', ')}): nothing that was counted uses it; it costs ${costs(index)}`,
    ),
    ...scans.map(({ table, rows, runs, sql }) =>
      sql === null
        ? `${paint('yellow', 'scan')}       ${times(runs)} all ${number(rows)} rows of ${table} were read: monobloc explain says for whom, and whether an index would help`
        : `${paint('yellow', 'scan')}       ${times(runs)} all ${number(rows)} rows of ${table} are read, and no index would plainly help\n           ${paint('dim', shortened(sql))}`,
    ),
  ]
  if (parts.length === 1 && since !== null) parts.push(paint('green', 'There is nothing to say.'))
  return `${parts.join('\n')}\n`
}

function coverOf({ coveredBy, table }: { coveredBy: string; table: string }): string {
  return coveredBy === 'key' ? `the key of ${table}` : coveredBy
}

function costs({ bytes, writesPerDay }: Pick<IndexCost, 'bytes' | 'writesPerDay'>): string {
  const size = bytes === undefined ? '' : `${sizeText(bytes)} and `
  return `${size}${number(writesPerDay)} writes a day`
}

function times(runs: number): string {
  return runs === 1 ? 'once' : `${number(runs)} times`
}

function number(value: number): string {
  return Number.isFinite(value) ? value.toLocaleString('en-US') : 'over 5,000,000'
}

function sizeText(bytes: number): string {
  if (bytes < 1024 ** 2) return `${Math.ceil(bytes / 1024)} KiB`
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`
}

const longest = 160

/** What is chosen from where, without the list of columns. */
function shortened(sql: string): string {
  const from = sql.search(/ from "/)
  const text = sql.startsWith('select ') && from > 0 ? `select …${sql.slice(from)}` : sql
  return text.length > longest ? `${text.slice(0, longest)}…` : text
}
