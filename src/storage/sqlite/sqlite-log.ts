import type { ColumnType } from '../../schema/index.ts'
import { decimalText } from '../../schema/index.ts'
import type { LogEntry, LoggedTransaction, LogOperation, SqlRow } from '../storage.ts'
import { type LogShape, operationCodes } from './sqlite-log-triggers.ts'

const operations = Object.keys(operationCodes) as LogOperation[]

/** How to read the entries of one shape, worked out once. */
export class LogReader {
  readonly #shape: LogShape
  readonly #key: number[]

  /** @param row of `monobloc_shape` */
  constructor(row: SqlRow) {
    this.#shape = { table: row.table_name as string, ...JSON.parse(row.columns as string) }
    this.#key = this.#shape.key.map((name) => this.#shape.columns.findIndex((column) => column.name === name))
  }

  entry(row: SqlRow): LogEntry {
    const { table, columns, secret } = this.#shape
    const left = row.omitted === null ? [] : (JSON.parse(row.omitted as string) as (number | null)[])
    const out = new Set(left)
    const values = JSON.parse(row.row as string) as unknown[]
    const document: Record<string, unknown> = {}
    columns.forEach(({ name, type }, at) => {
      if (!out.has(at)) document[name] = asJson(type, values[at])
    })
    return {
      sequence: row.sequence as number,
      table,
      operation: operations[row.operation as number]!,
      key: Object.fromEntries(this.#key.map((at) => [columns[at]!.name, document[columns[at]!.name]])),
      row: document,
      previous: row.previous === null ? {} : this.#previous(row.previous as string, out),
      omitted: [...secret, ...columns.filter((_, at) => out.has(at)).map(({ name }) => name)],
    }
  }

  #previous(text: string, out: ReadonlySet<number | null>): Record<string, unknown> {
    const [, ...pairs] = JSON.parse(text) as unknown[]
    const previous: Record<string, unknown> = {}
    for (let at = 0; at < pairs.length; at += 2) {
      const place = pairs[at] as number
      const { name, type } = this.#shape.columns[place]!
      if (!out.has(place)) previous[name] = asJson(type, pairs[at + 1])
    }
    return previous
  }
}

/** What a trigger wrote, as JSON has it. */
function asJson(type: ColumnType, value: unknown): unknown {
  if (value === null) return null
  switch (type.type) {
    case 'boolean':
      return value === 1
    case 'decimal':
      return decimalText(BigInt(value as number | string), type.scale)
    case 'float':
      return Number(value)
    case 'json':
      return JSON.parse(value as string)
    case 'bytes':
      return Buffer.from(value as string, 'hex').toString('base64')
    default:
      return value
  }
}

export function transactionOf(row: SqlRow, entries: LogEntry[]): LoggedTransaction {
  return {
    position: row.position as number,
    at: new Date(row.at as number),
    actor: row.actor as string | null,
    cause: row.cause as string | null,
    trace: row.trace as string | null,
    outside: row.outside === 1,
    entries,
  }
}
