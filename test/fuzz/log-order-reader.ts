import { setTimeout as wait } from 'node:timers/promises'
import type { LoggedTransaction } from '../../src/storage/index.ts'
import { LogTail } from '../../src/storage/postgres/postgres-tail.ts'
import type { Random } from '../faults/random.ts'
import { connectOutside, connectTo, type Sabotage } from './log-order-database.ts'
import type { Transaction } from './log-order-truth.ts'

/** Milliseconds that one call may take: longer than anything that is done to the log here. */
const ample = 60_000

/**
 * Follows the log from a position, in pages of many sizes, over connections that may be cut. What it asks for is stamped by
 * itself where nobody else has.
 */
export class Reader {
  readonly #url: string
  readonly #random: Random
  readonly #from: number
  readonly transactions: LoggedTransaction[] = []
  /** When an answer was asked for which held nothing new, and how far it had come. */
  readonly ends: { asked: number; position: number }[] = []

  constructor(url: string, random: Random, from: number) {
    this.#url = url
    this.#random = random
    this.#from = from
  }

  get position(): number {
    return this.transactions.at(-1)?.position ?? this.#from
  }

  /** @param until answers how far the log goes, when nobody writes any more */
  async follow(until: () => number | undefined, sabotage?: Sabotage): Promise<void> {
    const tail = new LogTail()
    let connection = await connectTo(this.#url, 'reader', sabotage)
    while (this.position !== until()) {
      const asked = performance.now()
      const access = { ask: connection.ask, now: Date.now(), deadlineAt: asked + ample }
      try {
        const found = await tail.read(access, this.position, 1 + this.#random.below(200))
        this.transactions.push(...found)
        if (found.length === 0) this.ends.push({ asked, position: this.position })
      } catch (error) {
        if (!connection.isLost()) throw error
        connection = await connectTo(this.#url, 'reader', sabotage)
      }
      await wait(this.#random.below(15))
    }
    await connection.close()
  }

  /** Whether it read what everyone reads, without a gap, and saw what had been committed when it asked. */
  check(log: readonly LoggedTransaction[], truth: readonly Transaction[]): string[] {
    const violations: string[] = []
    const whole = JSON.stringify(log.slice(this.#from))
    if (JSON.stringify(this.transactions) !== whole) violations.push(`who followed from ${this.#from} read another log`)
    const actors = new Map(log.map((logged) => [logged.actor ?? '', logged.position]))
    const ended = truth
      .flatMap(({ outcome, ended, units }) => {
        const position = Math.max(...units.map(({ actor }) => actors.get(actor ?? ' ') ?? 0))
        return outcome === 'committed' ? [{ ended, position }] : []
      })
      .sort((one, other) => one.ended - other.ended)
    let at = 0
    let newest = 0
    for (const { asked, position } of this.ends) {
      for (; at < ended.length && ended[at]!.ended < asked; at++) newest = Math.max(newest, ended[at]!.position)
      if (position < newest)
        violations.push(`position ${newest} had been committed, and who asked was told of ${position}`)
    }
    return violations
  }
}

/** What a consumer does that takes sequence numbers for an order: `sequence > last`. */
export class NaiveReader {
  readonly seen = new Set<number>()
  #isOver = false

  async follow(url: string): Promise<void> {
    const client = await connectOutside(url, 'naive')
    let last = 0
    for (let isLast = false; !isLast; ) {
      isLast = this.#isOver
      const { rows } = await client.query(
        'select sequence from monobloc_log where sequence > $1 and operation <> 5 order by sequence',
        [last],
      )
      for (const { sequence } of rows) this.seen.add(Number(sequence))
      last = Number(rows.at(-1)?.sequence ?? last)
      await wait(5)
    }
    await client.end()
  }

  /** It looks once more, and ends. */
  stop(): void {
    this.#isOver = true
  }
}
