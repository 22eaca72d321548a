import type { Statement } from '../storage.ts'
import type { Field, Submitted, Wire } from './postgres-driver.ts'
import { ConnectionLost, endsConnection, isServerError } from './postgres-lost.ts'
import type { CellParser, WireValue } from './postgres-values.ts'

/** What one statement answered. */
export interface Answer {
  fields: Field[]
  /** How the cells are read for templates; `undefined` for text alone. */
  parsers: (CellParser | undefined)[] | undefined
  /** As the wire has them. Fresh arrays, which the reader may change. */
  rows: (string | null)[][]
  /** Rows that the statement changed, or that it returned. */
  changes: number
  /** What the server says it did: `COMMIT`, or `ROLLBACK` where it could not. */
  tag: string
}

/** One statement on its way. Exactly one of `done` and `failed` is called, once. */
export interface Operation {
  readonly statement: Statement
  readonly values: readonly WireValue[]
  /** Rows that the answer may hold; one more ends it. */
  readonly maxRows: number
  done(answer: Answer): void
  failed(error: unknown): void
}

/** The operations behind one that failed in the same batch were never begun. It stays inside the engine. */
export class Skipped extends Error {
  constructor(cause: unknown) {
    super('a statement before this one failed', { cause })
    this.name = 'Skipped'
  }
}

/** The statement found more rows than it may, and was ended for it. */
export class TooManyRows extends Error {
  constructor(cause: unknown) {
    super('more rows than one answer may hold', { cause })
    this.name = 'TooManyRows'
  }
}

/** What a connection knows of a statement that it has prepared. */
export interface Prepared {
  readonly name: string
  /** Has the server said that it has it? */
  known: boolean
  fields: Field[] | undefined
  parsers: (CellParser | undefined)[] | undefined
}

export interface BatchItem {
  operation: Operation
  prepared: Prepared
}

export interface BatchOwner {
  /** More rows came than the operation may have: the rest is not worth waiting for. */
  tooMany(): void
  /** The answer is whole. `failedAt`: the item that failed, -1 when none did. */
  ended(items: readonly BatchItem[], failedAt: number, error: unknown): void
}

/**
 * Statements that go to the server in one write, with one Sync behind them: one round trip, however many they are. When
 * one fails the server leaves out the rest, up to the Sync.
 */
export class Batch implements Submitted {
  readonly #items: readonly BatchItem[]
  /** Names of statements that the server is to forget first. */
  readonly #closing: readonly string[]
  readonly #owner: BatchOwner
  readonly #parsersOf: (fields: readonly Field[]) => (CellParser | undefined)[] | undefined
  #at = 0
  #fields: Field[] = []
  #rows: (string | null)[][] = []
  #answers: Answer[] = []
  #over = false

  constructor(
    items: readonly BatchItem[],
    closing: readonly string[],
    owner: BatchOwner,
    parsersOf: (fields: readonly Field[]) => (CellParser | undefined)[] | undefined,
  ) {
    this.#items = items
    this.#closing = closing
    this.#owner = owner
    this.#parsersOf = parsersOf
  }

  submit(wire: Wire): void {
    wire.stream.cork()
    try {
      for (const name of this.#closing) wire.close({ type: 'S', name })
      const parsed = new Set<Prepared>()
      for (const { operation, prepared } of this.#items) {
        const { name } = prepared
        if (!prepared.known && !parsed.has(prepared)) wire.parse({ name, text: operation.statement.sql })
        if (name !== '') parsed.add(prepared)
        wire.bind({ statement: name, values: operation.values })
        if (prepared.fields === undefined) wire.describe({ type: 'P' })
        wire.execute({})
      }
      wire.sync()
    } finally {
      wire.stream.uncork()
    }
  }

  handleRowDescription({ fields }: { fields: Field[] }): void {
    this.#fields = fields
  }

  handleDataRow({ fields }: { fields: (string | null)[] }): void {
    const { maxRows } = this.#items[this.#at]!.operation
    if (this.#rows.length < maxRows) this.#rows.push(fields)
    else if (!this.#over) {
      this.#over = true
      this.#rows.push(fields)
      this.#owner.tooMany()
    }
  }

  handleCommandComplete({ text }: { text: string }): void {
    const { prepared } = this.#items[this.#at]!
    if (prepared.fields === undefined) {
      prepared.parsers = this.#parsersOf(this.#fields)
      // Of an unnamed statement nothing is known the next time.
      if (prepared.name !== '') prepared.fields = this.#fields
    }
    this.#answers.push({
      fields: prepared.fields ?? this.#fields,
      parsers: prepared.parsers,
      rows: this.#rows,
      changes: changesOf(text),
      tag: text,
    })
    this.#next()
  }

  handleEmptyQuery(): void {
    this.#answers.push({ fields: [], parsers: undefined, rows: [], changes: 0, tag: '' })
    this.#next()
  }

  handlePortalSuspended(): void {}

  handleCopyInResponse(wire: Wire): void {
    ;(wire as unknown as { sendCopyFail(message: string): void }).sendCopyFail('COPY is not for this connection')
  }

  handleCopyData(): void {}

  handleError(error: unknown): void {
    if (!isServerError(error)) this.#finish(this.#at, new ConnectionLost(error, true))
    else this.#finish(this.#at, this.#over ? new TooManyRows(error) : error)
  }

  handleReadyForQuery(): void {
    this.#finish(-1, undefined)
  }

  #next(): void {
    this.#at++
    this.#fields = []
    this.#rows = []
    this.#over = false
  }

  #finish(failedAt: number, error: unknown): void {
    this.#owner.ended(this.#items, failedAt, error)
    for (const [at, answer] of this.#answers.entries()) this.#items[at]!.operation.done(answer)
    if (failedAt < 0) return
    // What came behind the statement that failed was not begun. When the connection ended nobody knows: a pooler that lost
    // the server says so at the first answer that it owes, and may have passed on everything.
    const skipped = endsConnection(error) ? new ConnectionLost(error, true) : new Skipped(error)
    for (let at = failedAt; at < this.#items.length; at++) {
      this.#items[at]!.operation.failed(at === failedAt ? error : skipped)
    }
  }
}

// The tag ends in a count, where there is one: `INSERT 0 5`, `UPDATE 3`, `SELECT 2`, but `BEGIN`.
function changesOf(tag: string): number {
  return Number(/\d+$/.exec(tag)?.[0] ?? 0)
}
