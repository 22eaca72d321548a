import type { ColumnType } from '../../schema/index.ts'
import type { LogEntry, LoggedChange, LoggedTransaction, LogOperation, SqlRow } from '../storage.ts'
import { type LogShape, operationCodes } from './log-shape.ts'

const operations = Object.keys(operationCodes) as LogOperation[]

/** What the triggers of one engine wrote for a value that is not null, made into the value as JSON has it. */
export type LoggedValue = (type: ColumnType, value: unknown) => unknown

/** How to read the entries of one shape, worked out once. */
export class LogReader {
  readonly #shape: LogShape
  readonly #key: number[]
  readonly #read: LoggedValue

  /** @param row of `monobloc_shape` */
  constructor(row: SqlRow, read: LoggedValue) {
    this.#read = read
    this.#shape = { table: row.table_name as string, ...JSON.parse(row.columns as string) }
    this.#key = this.#shape.key.map((name) => this.#shape.columns.findIndex((column) => column.name === name))
  }

  get table(): string {
    return this.#shape.table
  }

  entry(row: SqlRow): LogEntry {
    const { table, columns, secret } = this.#shape
    const left = row.omitted === null ? [] : (JSON.parse(row.omitted as string) as (number | null)[])
    const out = new Set(left)
    const values = JSON.parse(row.row as string) as unknown[]
    const document: Record<string, unknown> = {}
    columns.forEach(({ name, type }, at) => {
      if (!out.has(at)) document[name] = this.#value(type, values[at])
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
      if (!out.has(place)) previous[name] = this.#value(type, pairs[at + 1])
    }
    return previous
  }

  #value(type: ColumnType, value: unknown): unknown {
    return value === null ? null : this.#read(type, value)
  }
}

export function transactionOf(row: SqlRow, entries: LogEntry[]): LoggedTransaction {
  return {
    position: row.position as number,
    at: new Date(row.at as number),
    actor: row.actor as string | null,
    cause: row.cause as string | null,
    trace: row.trace as string | null,
    outside: row.outside === 1 || row.outside === 't',
    entries,
  }
}

/** An entry that most of those who hear of it need not read. */
export class ReadLater implements LoggedChange {
  readonly #reader: LogReader
  readonly #row: SqlRow
  #entry: LogEntry | undefined

  /** @param row of `monobloc_log` */
  constructor(reader: LogReader, row: SqlRow) {
    this.#reader = reader
    this.#row = row
  }

  get table(): string {
    return this.#reader.table
  }

  get entry(): LogEntry {
    this.#entry ??= this.#reader.entry(this.#row)
    return this.#entry
  }
}
