import { MonoblocError } from '../../errors.ts'
import type { MaybePromise, Session, SqlRow, SqlValue, Statement } from '../storage.ts'
import type { RawResult } from './sqlite-connection.ts'
import type { ReaderProcess } from './sqlite-reader-process.ts'

/** One snapshot in a reader process. Statements may be asked without waiting; answers come in the same order. */
export class SqliteReaderSession implements Session {
  readonly writable = false
  readonly position = undefined
  readonly #process: ReaderProcess
  #ended: MonoblocError | undefined

  constructor(process: ReaderProcess) {
    this.#process = process
  }

  all({ sql }: Statement, values: readonly SqlValue[]): Promise<SqlRow[]> {
    return this.#ask({ kind: 'all', sql, values }) as Promise<SqlRow[]>
  }

  first({ sql }: Statement, values: readonly SqlValue[]): Promise<SqlRow | undefined> {
    return this.#ask({ kind: 'first', sql, values }) as Promise<SqlRow | undefined>
  }

  value({ sql }: Statement, values: readonly SqlValue[]): Promise<SqlValue | undefined> {
    return this.#ask({ kind: 'value', sql, values }) as Promise<SqlValue | undefined>
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
    return this.#ended ? Promise.reject(this.#ended) : this.#process.ask(question)
  }
}
