// Not the global one, which tests of applications replace: a look would count for ever.

import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { setImmediate } from 'node:timers'
import { LogReader, ReadLater } from '../sql/log-reader.ts'
import type { ChangeListener, ChangeWatch, LoggedChange, SqlRow } from '../storage.ts'
import { isBusy, lockedOut } from './sqlite-errors.ts'
import { loggedValue } from './sqlite-log.ts'
import { patiently } from './sqlite-patience.ts'

/**
 * Entries that are told one by one at most. Beyond, looking at each would hold the process up for longer than it takes to
 * compute anew what depends on them.
 */
const mostEntries = 1_000

/** As long as a read that says no deadline waits for the file. */
const patienceMillis = 10_000

/**
 * Tells of changes on the connection that writes, where the pages of the log are at hand.
 *
 * - asleep: nobody wants changes. Nothing is read, not even after a commit.
 * - awake: everything up to `#mark` has been told. After a COMMIT of ours, before it is acknowledged, the entries behind it
 *   are told; and those of other processes when `catchUp` finds that the file has changed.
 *
 * A catch-up within a turn can't tell what another process has written from what the turn may still undo: it says that all
 * has changed. A crash leaves nothing; what is kept in memory goes with it.
 */
export class SqliteChangeWatch implements ChangeWatch {
  readonly #db: DatabaseSync
  readonly #listener: ChangeListener
  readonly #onOthers: () => void
  readonly #onClose: (watch: SqliteChangeWatch) => void
  readonly #version: StatementSync
  readonly #end: StatementSync
  readonly #entries: StatementSync
  readonly #shape: StatementSync
  readonly #readers = new Map<number, LogReader>()
  #mark: number | undefined
  #seen: unknown
  /** A look of this round has been taken. */
  #looked = false
  #closed = false

  /** @param onOthers another process has committed: what reads from now on must see it */
  constructor(
    db: DatabaseSync,
    listener: ChangeListener,
    { onOthers, onClose }: { onOthers: () => void; onClose: (watch: SqliteChangeWatch) => void },
  ) {
    this.#db = db
    this.#listener = listener
    this.#onOthers = onOthers
    this.#onClose = onClose
    this.#version = db.prepare('pragma data_version')
    this.#version.setReturnArrays(true)
    this.#end = db.prepare('select max(sequence) from monobloc_log')
    this.#end.setReturnArrays(true)
    this.#entries = db.prepare(
      `select sequence, shape, operation, row, previous, omitted from monobloc_log where sequence > ? order by sequence limit ${mostEntries + 1}`,
    )
    this.#shape = db.prepare('select * from monobloc_shape where id = ?')
  }

  get isAwake(): boolean {
    return this.#mark !== undefined
  }

  /** Right after a COMMIT of this connection, before anybody is told of it. */
  committed(): void {
    if (this.#mark === undefined) return
    if (!this.#listener.wants()) {
      this.#mark = undefined
      this.#listener.changed('all')
      return
    }
    this.#tell()
  }

  catchUp(arriving = false): Promise<void> | undefined {
    if (arriving && this.#looked && this.#mark !== undefined) return undefined
    try {
      this.#look()
    } catch (error) {
      if (!isBusy(error)) throw error
      return this.#lookLater()
    }
    if (arriving) {
      this.#looked = true
      setImmediate(this.#endRound)
    }
    return undefined
  }

  /** Another process has died, and its log is being taken up. That ends soon. */
  async #lookLater(): Promise<void> {
    try {
      await patiently(patienceMillis, () => this.#look())
    } catch (error) {
      throw isBusy(error) ? lockedOut('read', error) : error
    }
  }

  /** One that fails has seen nothing. */
  #look(): void {
    const inTurn = this.#db.isTransaction
    const [version] = this.#version.get() as unknown as [unknown]
    if (this.#mark === undefined) {
      // What a turn has written may be undone, and its numbers given again.
      if (!inTurn) this.#wake()
    } else if (version !== this.#seen) {
      this.#onOthers()
      if (inTurn) this.#listener.changed('all')
      else this.#tell()
    }
    this.#seen = version
  }

  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#mark = undefined
    this.#onClose(this)
  }

  #endRound = (): void => {
    this.#looked = false
  }

  #wake(): void {
    this.#mark = this.#lastSequence()
    this.#onOthers()
    this.#listener.changed('all')
  }

  #lastSequence(): number {
    const [last] = this.#end.get() as unknown as [number | null]
    return last ?? 0
  }

  #tell(): void {
    const rows = this.#entries.all(this.#mark!) as SqlRow[]
    const [first] = rows
    const wasPruned = first !== undefined && first.sequence !== this.#mark! + 1
    // Without an entry behind the mark there must be the one at it, unless the file was put in another's place.
    if (wasPruned || rows.length > mostEntries || (first === undefined && this.#lastSequence() !== this.#mark)) {
      this.#mark = this.#lastSequence()
      this.#listener.changed('all')
    } else if (first !== undefined) {
      const changes = rows.map((row): LoggedChange => new ReadLater(this.#reader(row.shape as number), row))
      this.#mark = rows.at(-1)!.sequence as number
      this.#listener.changed(changes)
    }
  }

  #reader(shape: number): LogReader {
    let reader = this.#readers.get(shape)
    if (!reader) {
      reader = new LogReader(this.#shape.get(shape) as SqlRow, loggedValue)
      this.#readers.set(shape, reader)
    }
    return reader
  }
}
