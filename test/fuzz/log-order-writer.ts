import { setTimeout as wait } from 'node:timers/promises'
import type pg from 'pg'
import { appendUnit, appendUnits, unitRow, unitRows } from '../../src/storage/postgres/postgres-commit-rows.ts'
import type { Random } from '../faults/random.ts'
import { connectOutside } from './log-order-database.ts'
import { changeOf, type Transaction, type Unit } from './log-order-truth.ts'

const isolations = ['read committed', 'repeatable read', 'serializable'] as const

/** Ends the part of a transaction that it is in: on purpose, or because the server said no. */
class Undone extends Error {}

/** Lets others overtake: mostly not at all, now and then for long. */
async function pause(random: Random): Promise<void> {
  const kind = random.next()
  if (kind < 0.55) return
  await wait(kind < 0.93 ? random.below(8) : kind < 0.995 ? 20 + random.below(50) : 300)
}

/**
 * One connection that writes transactions and notes what it did: units as Monobloc writes them, groups of several in one
 * transaction, and what a program does that knows nothing of Monobloc, prepared transactions too. Its connection may be cut
 * at any moment.
 */
export class Writer {
  readonly #url: string
  readonly #name: string
  readonly #random: Random
  readonly #rows: number
  readonly #truth: Transaction[]
  #client: pg.Client | undefined
  #count = 0

  /**
   * @param rows of `item`, at which writers meet
   * @param truth is added to
   */
  constructor(url: string, name: string, random: Random, rows: number, truth: Transaction[]) {
    this.#url = url
    this.#rows = rows
    this.#name = name
    this.#random = random
    this.#truth = truth
  }

  async run(transactions: number): Promise<void> {
    for (let at = 0; at < transactions; at++) {
      await this.#transaction(`${this.#name}x${++this.#count}`)
      await pause(this.#random)
    }
    await this.#client?.end().catch(() => {})
  }

  async #query(sql: string, values: unknown[] = []): Promise<pg.QueryResult> {
    this.#client ??= await connectOutside(this.#url, 'writer')
    return this.#client.query(sql, values)
  }

  async #transaction(id: string): Promise<void> {
    const random = this.#random
    const kind = random.next()
    const transaction: Transaction = {
      id,
      begun: performance.now(),
      ended: Infinity,
      outcome: 'rolled back',
      units: [],
    }
    const part = new Part(id, random, this.#rows, (sql, values) => this.#query(sql, values))
    let asked = false
    try {
      await this.#query(`begin isolation level ${random.pick(isolations)}`)
      const units = kind < 0.5 ? [await part.unit()] : kind < 0.65 ? await part.group() : [await part.outside()]
      if (random.chance(0.08)) throw new Undone()
      await pause(random)
      transaction.units = units.filter(({ changes }) => changes.length > 0)
      if (kind > 0.95) await this.#prepare(id)
      asked = true
      await this.#query(kind > 0.95 ? `commit prepared '${id}'` : 'commit')
      transaction.ended = performance.now()
      transaction.outcome = 'committed'
    } catch (error) {
      await this.#afterError(error, transaction, kind > 0.95, asked)
    }
    this.#truth.push(transaction)
  }

  async #prepare(id: string): Promise<void> {
    await this.#query(`prepare transaction '${id}'`)
    await pause(this.#random)
  }

  async #afterError(error: unknown, transaction: Transaction, isPrepared: boolean, asked: boolean): Promise<void> {
    if (error instanceof Undone || isRefusal(error)) {
      await this.#query('rollback').catch(() => this.#cut())
    } else if (isCut(error)) {
      this.#cut()
      if (asked) transaction.outcome = 'unknown'
    } else throw error
    if (isPrepared && (await this.#undoPrepared(transaction.id))) transaction.outcome = 'rolled back'
  }

  async #undoPrepared(id: string): Promise<boolean> {
    for (;;) {
      try {
        await this.#query(`rollback prepared '${id}'`)
        return true
      } catch (error) {
        const { code } = error as { code?: string }
        if (code === '42704') return false
        if (isCut(error)) this.#cut()
        // Another process still works on it.
        else if (code !== '55000') throw error
      }
    }
  }

  #cut(): void {
    this.#client?.end().catch(() => {})
    this.#client = undefined
  }
}

/** The server undid it, and says why: conflicts, deadlocks, broken keys. */
function isRefusal(error: unknown): boolean {
  return /^(40|23|55P03|25P02)/.test((error as { code?: string }).code ?? '')
}

function isCut(error: unknown): boolean {
  const { code, message } = error as { code?: string; message: string }
  return /^(57P0|08|ECONN|EPIPE)/.test(code ?? '') || /terminated|not queryable|Client was closed/.test(message)
}

type Query = (sql: string, values?: unknown[]) => Promise<pg.QueryResult>

/** What one transaction does. */
class Part {
  readonly #id: string
  readonly #random: Random
  readonly #rows: number
  readonly #query: Query
  #notes = 0
  #unit: Unit = { changes: [], actor: undefined, saw: [] }

  constructor(id: string, random: Random, rows: number, query: Query) {
    this.#rows = rows
    this.#id = id
    this.#random = random
    this.#query = query
  }

  async outside(): Promise<Unit> {
    this.#unit = { changes: [], actor: undefined, saw: [] }
    await this.#work()
    return this.#unit
  }

  async unit(actor = this.#id): Promise<Unit> {
    this.#unit = { changes: [], actor, saw: [] }
    const unit = this.#unit
    await this.#work()
    await pause(this.#random)
    await this.#query(appendUnit.sql, [unitRow(Date.now(), { deadline: 0, actor }, actor)])
    return unit
  }

  /** Units one after another, each under a savepoint, and now and then something behind the last that is no unit's. */
  async group(): Promise<Unit[]> {
    const units: Unit[] = []
    const members = 2 + this.#random.below(3)
    for (let member = 0; member < members; member++) {
      await this.#query('savepoint member')
      try {
        const unit = await this.unit(`${this.#id}/${member}`)
        if (this.#random.chance(0.15)) throw new Undone()
        await this.#query('release member')
        units.push(unit)
      } catch (error) {
        await this.#undo(error, 'member')
      }
    }
    if (this.#random.chance(0.3)) units.push(...(await this.#together()))
    if (this.#random.chance(0.1)) units.push(await this.outside())
    return units
  }

  /** Units of one insert each, which have one row. */
  async #together(): Promise<Unit[]> {
    const before = this.#notes
    const count = 2 ** (1 + this.#random.below(4))
    this.#unit = { changes: [], actor: undefined, saw: [] }
    await this.#insert(count)
    await pause(this.#random)
    const units = this.#unit.changes.map((change, at) => ({
      changes: [change],
      actor: `${this.#id}/${before + at}`,
      saw: [],
    }))
    const rows = units.map(({ actor }) => unitRow(Date.now(), { deadline: 0, actor }, actor))
    await this.#query(appendUnits.sql, [unitRows(rows), 'item'])
    return units
  }

  async #undo(error: unknown, savepoint: string): Promise<void> {
    // After a conflict between snapshots the rest would fail, too.
    if (!(error instanceof Undone) && !(isRefusal(error) && (error as { code: string }).code !== '40001')) throw error
    await this.#query(`rollback to ${savepoint}`)
    await this.#query(`release ${savepoint}`)
  }

  async #work(): Promise<void> {
    if (this.#random.chance(0.04)) return
    const steps = 1 + this.#random.below(4)
    for (let step = 0; step < steps; step++) {
      if (this.#random.chance(0.25)) await this.#nested()
      else await this.#step()
      await pause(this.#random)
    }
  }

  async #nested(): Promise<void> {
    const unit = this.#unit
    const before = { changes: [...unit.changes], saw: [...unit.saw] }
    await this.#query('savepoint nested')
    try {
      await this.#step()
      if (this.#random.chance(0.3)) throw new Undone()
      await this.#query('release nested')
    } catch (error) {
      await this.#undo(error, 'nested')
      Object.assign(unit, before)
    }
  }

  #note(): string {
    return `${this.#id}.${this.#notes++}`
  }

  #made(operation: string, table: string, note: string): void {
    this.#unit.changes.push(changeOf(operation, table, note))
  }

  async #step(): Promise<void> {
    const kind = this.#random.next()
    const id = 1 + this.#random.below(this.#rows)
    if (kind < 0.15) await this.#insert(1)
    else if (kind < 0.25) await this.#insert(5 + this.#random.below(200))
    else if (kind < 0.55) await this.#update(id)
    else if (kind < 0.62) await this.#remove(id)
    else if (kind < 0.72) await this.#put(id)
    else if (kind < 0.87) await this.#attach(id)
    else if (kind < 0.97) await this.#look(id)
    else if (kind < 0.99) await this.#scratch()
    else await this.#empty()
  }

  async #insert(rows: number): Promise<void> {
    const first = this.#notes
    this.#notes += rows
    await this.#query(
      `insert into item select nextval('fresh_id'), 1, $1 || '.' || ($2::int + n) from generate_series(0, $3::int - 1) n`,
      [this.#id, first, rows],
    )
    for (let n = 0; n < rows; n++) this.#made('insert', 'item', `${this.#id}.${first + n}`)
  }

  async #update(id: number): Promise<void> {
    const note = this.#note()
    const { rowCount } = await this.#query('update item set version = version + 1, note = $1 where id = $2', [note, id])
    if (rowCount) this.#made('update', 'item', note)
  }

  /** With what hangs on it, which a cascade takes along. The lock keeps others from adding to that. */
  async #remove(id: number): Promise<void> {
    const locked = await this.#query('select from item where id = $1 for update', [id])
    // It may come, with parts, before the delete does.
    if (!locked.rowCount) return
    const parts = await this.#query('select note from part where item = $1', [id])
    const gone = await this.#query('delete from item where id = $1 returning note', [id])
    if (!gone.rowCount) return
    this.#made('delete', 'item', gone.rows[0].note)
    for (const { note } of parts.rows) this.#made('delete', 'part', note)
  }

  async #put(id: number): Promise<void> {
    const note = this.#note()
    const { rows } = await this.#query(
      `insert into item values ($2, 1, $1) on conflict (id) do update set version = item.version + 1, note = excluded.note
       returning xmax = 0 as is_new`,
      [note, id],
    )
    this.#made(rows[0].is_new ? 'insert' : 'update', 'item', note)
  }

  async #attach(id: number): Promise<void> {
    const note = this.#note()
    const { rowCount } = await this.#query(
      `insert into part select nextval('fresh_id'), id, $1 from item where id = $2`,
      [note, id],
    )
    if (rowCount) this.#made('insert', 'part', note)
  }

  async #look(id: number): Promise<void> {
    const { rows } = await this.#query('select note from item where id = $1', [id])
    if (rows[0]) this.#unit.saw.push(rows[0].note.split('.')[0])
  }

  async #scratch(): Promise<void> {
    const note = this.#note()
    await this.#query(`insert into scratch values (nextval('fresh_id'), $1)`, [note])
    this.#made('insert', 'scratch', note)
  }

  async #empty(): Promise<void> {
    await this.#insert(1)
    await this.#query('truncate scratch')
    this.#made('empty', 'scratch', '')
  }
}
