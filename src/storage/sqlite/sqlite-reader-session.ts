import { MonoblocError } from '../../errors.ts'
import type { MaybePromise, Session, SqlRow, SqlValue, Statement } from '../storage.ts'
import type { RawResult } from './sqlite-connection.ts'
import type { ReaderProcess } from './sqlite-reader-process.ts'
import type { StatementCounts } from './sqlite-statement-counts.ts'

/** One snapshot in a reader process. Statements may be asked without waiting; answers come in the same order. */
export class SqliteReaderSession implements Session {
  readonly writable = false
  readonly position = undefined
  readonly #process: ReaderProcess
  readonly #counts: StatementCounts
  #ended: MonoblocError | undefined

  /** @param counts is told of each statement but those that users wrote */
  constructor(process: ReaderProcess, counts: StatementCounts) {
    this.#process = process
    this.#counts = counts
  }

  all({ sql }: Statement, values: readonly SqlValue[]): Promise<SqlRow[]> {
    return this.#ask({ kind: 'all', sql, values }) as Promise<SqlRow[]>
  }

  first({ sql }: Statement, values: readonly SqlValue[]): Promise<SqlRow | undefined> {
    return this.#ask({ kind: 'first', sql, values }) as Promise<SqlRow | undefined>
  }

  async value(statement: Statement, values: readonly SqlValue[]): Promise<SqlValue | undefined> {
    return (await this.cells(statement, values))?.[0]
  }

  cells({ sql }: Statement, values: readonly SqlValue[]): Promise<SqlValue[] | undefined> {
    return this.#ask({ kind: 'cells', sql, values }) as Promise<SqlValue[] | undefined>
  }

  rows({ sql }: Statement, values: readonly SqlValue[]): Promise<SqlValue[][]> {
    return this.#ask({ kind: 'rows', sql, values }) as Promise<SqlValue[][]>
  }

  run(): never {
    throw new MonoblocError('transaction_read_only')
  }

  raw(sql: string, values: readonly unknown[]): Promise<RawResult> {
    return this.#ask({ kind: 'raw', sql, values }) as Promise<RawResult>
  }

  async savepoint<T>(work: () => MaybePromise<T>): Promise<T> {
    if (this.#ended) throw this.#ended
    return work()
  }

  end(why: MonoblocError): void {
    this.#ended ??= why
  }

  #ask(question: Parameters<ReaderProcess['ask']>[0]): Promise<unknown> {
    if (this.#ended) return Promise.reject(this.#ended)
    if (question.kind !== 'raw') this.#counts.of(question).runs++
    return this.#process.ask(question)
  }
}
