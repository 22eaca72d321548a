import { once } from 'node:events'
import type { Acknowledged, Answer, Sent } from './acknowledged.ts'
import { checkNoteRead, checkSumRead } from './check-reads.ts'
import { Connection } from './connection.ts'
import { type Operation, OperationDraw } from './operation.ts'
import { Random } from './random.ts'

/** After so many writes a client reads. */
const readEvery = 10

/** Several clients of one database, each on a connection of its own, each sending one request after the other. */
export class Workload {
  readonly ledger: Acknowledged
  readonly #draws: OperationDraw[]
  readonly #events = new EventTarget()
  /** What reads between the writes showed and should not have. */
  readonly violations: string[] = []
  #answers = 0
  #stopping = false

  constructor(seed: number, clients: number, ledger: Acknowledged) {
    this.ledger = ledger
    this.#draws = Array.from(
      { length: clients },
      (_, at) => new OperationDraw(new Random(seed, at + 1), `s${seed}c${at}`),
    )
  }

  /** Whole answers so far. */
  get answers(): number {
    return this.#answers
  }

  /** Resolves when the next run begins. */
  async started(): Promise<void> {
    await once(this.#events, 'start')
  }

  /** Resolves when there are so many answers in all. */
  async answered(count: number): Promise<void> {
    while (this.#answers < count && !this.#stopping) await once(this.#events, 'answer')
  }

  /**
   * Sends until every connection broke, or `stop` was called, or each client has sent `most` requests.
   *
   * @returns how many connections broke with a request under way
   */
  async run(port: number, most = Number.POSITIVE_INFINITY): Promise<number> {
    this.#stopping = false
    this.#events.dispatchEvent(new Event('start'))
    const broken = await Promise.all(this.#draws.map((draw) => this.#client(draw, port, most)))
    this.#stop()
    return broken.filter(Boolean).length
  }

  stop(): void {
    this.#stop()
  }

  /** @returns whether the connection broke */
  async #client(draw: OperationDraw, port: number, most: number): Promise<boolean> {
    const connection = new Connection(port)
    try {
      for (let count = 0; count < most && !this.#stopping; count++) {
        const operation = draw.next((slot) => this.ledger.note(slot) !== null)
        if ((await this.#exchange(connection, operation)) === null) return true
        if (count % readEvery === readEvery - 1) await this.#read(connection, operation)
      }
      return false
    } finally {
      connection.close()
    }
  }

  async #exchange(connection: Connection, operation: Operation): Promise<Answer | null> {
    const sent = this.ledger.send(operation)
    const answer = await connection.send(operation)
    record(sent, answer)
    if (answer) this.#answers++
    this.#events.dispatchEvent(new Event('answer'))
    return answer
  }

  async #read(connection: Connection, operation: Operation): Promise<void> {
    const found =
      operation.kind === 'note'
        ? await checkNoteRead(connection, this.ledger, operation.slot)
        : await checkSumRead(connection)
    this.violations.push(...found)
  }

  #stop(): void {
    this.#stopping = true
    this.#events.dispatchEvent(new Event('answer'))
  }
}

/** Writes down what came of a request. */
export function record(sent: Sent, answer: Answer | null): void {
  if (!answer) {
    sent.outcome = 'unknown'
  } else if (answer.status >= 200 && answer.status < 300) {
    sent.outcome = 'acknowledged'
    sent.answer ??= answer
  } else {
    sent.outcome = 'refused'
    sent.refusal = answer
  }
}
