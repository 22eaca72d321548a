import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import type { Acknowledged, Answer, Sent } from './acknowledged.ts'
import { checkNoteRead, checkSumRead } from './check-reads.ts'
import { type Connection, Connections } from './connection.ts'
import { type Operation, OperationDraw } from './operation.ts'
import { Random } from './random.ts'

/** After so many writes a client reads. */
const readEvery = 10

/** Milliseconds that a client waits at least when it was sent away, or cut off: less than a client in earnest would. */
const shortestPause = 20

/** The processes that serve one database. */
export interface Nodes {
  /** One that serves, or did a moment ago. */
  port(random: Random): number
}

/** Several clients of one database, each on a connection of its own, each sending one request after the other. */
export class Workload {
  readonly ledger: Acknowledged
  readonly #draws: OperationDraw[]
  readonly #choices: Random[]
  readonly #events = new EventTarget()
  /** What reads between the writes showed and should not have. */
  readonly violations: string[] = []
  /** Milliseconds that a client has waited for an answer, at most. */
  longest = 0
  #answers = 0
  #stopping = false

  constructor(seed: number, clients: number, ledger: Acknowledged) {
    this.ledger = ledger
    this.#draws = Array.from(
      { length: clients },
      (_, at) => new OperationDraw(new Random(seed, at + 1), `s${seed}c${at}`),
    )
    this.#choices = Array.from({ length: clients }, (_, at) => new Random(seed, clients + at + 1))
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
   * Sends until every connection broke, or `stop` was called, or each client has sent `most` requests. Of several nodes
   * each request goes to any, and a client goes on with the others when a connection broke.
   *
   * @returns how many connections broke with a request under way
   */
  async run(target: number | Nodes, most = Number.POSITIVE_INFINITY): Promise<number> {
    this.#stopping = false
    this.#events.dispatchEvent(new Event('start'))
    const broken = await Promise.all(
      this.#draws.map((draw, at) => this.#client(draw, target, most, this.#choices[at]!)),
    )
    this.#stop()
    return broken.reduce((sum, count) => sum + count, 0)
  }

  stop(): void {
    this.#stop()
  }

  /** @returns how often its connection broke */
  async #client(draw: OperationDraw, target: number | Nodes, most: number, random: Random): Promise<number> {
    const isAlone = typeof target === 'number'
    const connections = new Connections()
    const next = () => connections.to(isAlone ? target : target.port(random))
    let broken = 0
    try {
      for (let count = 0; count < most && !this.#stopping; count++) {
        const operation = draw.next(this.ledger)
        const connection = next()
        const answer = await this.#exchange(connection, operation)
        if (answer === null) {
          broken++
          if (isAlone) return broken
          connections.drop(connection)
        }
        if (!isAlone && (answer === null || answer.status === 503))
          await wait(shortestPause + random.below(shortestPause))
        else if (count % readEvery === readEvery - 1) await this.#read(next(), operation)
      }
      return broken
    } finally {
      connections.close()
    }
  }

  async #exchange(connection: Connection, operation: Operation): Promise<Answer | null> {
    const sent = this.ledger.send(operation)
    const answer = await connection.send(operation)
    record(sent, answer)
    this.longest = Math.max(this.longest, sent.answeredAt! - sent.sentAt!)
    if (answer) this.#answers++
    this.#events.dispatchEvent(new Event('answer'))
    return answer
  }

  async #read(connection: Connection, operation: Operation): Promise<void> {
    if (operation.kind !== 'note') this.violations.push(...(await checkSumRead(connection)))
    // Another request may still be under way that changes it, long after its connection broke.
    else if (!this.ledger.isUnsettled(operation.slot))
      this.violations.push(...(await checkNoteRead(connection, this.ledger, operation.slot)))
  }

  #stop(): void {
    this.#stopping = true
    this.#events.dispatchEvent(new Event('answer'))
  }
}

/** Writes down what came of a request. */
export function record(sent: Sent, answer: Answer | null): void {
  sent.answeredAt = performance.now()
  if (!answer || isUnknown(answer)) {
    sent.outcome = 'unknown'
  } else if (answer.status >= 200 && answer.status < 300) {
    sent.outcome = 'acknowledged'
    sent.answer ??= answer
  } else {
    sent.outcome = 'refused'
    sent.refusal = answer
  }
}

/** The server says itself that it does not know. */
function isUnknown({ status, body }: Answer): boolean {
  return status === 503 && /"(commit|outcome)_unknown"/.test(body)
}
