// What the clients of the campaign of effects know of each of their requests: the audit of what they were told.
//
//   pending       sent, no answer yet
//   acknowledged  a whole 2xx came: everything of it is there from now on
//   refused       another whole answer came: nothing of it may ever be there
//   unknown       the connection broke first, or the server said itself that it does not know: all of it, or nothing
import type { Answer } from './acknowledged.ts'

export type Request =
  | { kind: 'transfer'; source: string; target: string; amount: number }
  | { kind: 'purchase' | 'restock'; product: string; quantity: number }
  | { kind: 'hit'; counter: string }
  | { kind: 'register'; name: string; value: number }
  | { kind: 'refusal' }

export type Outcome = 'pending' | 'acknowledged' | 'refused' | 'unknown'

export interface Sent {
  id: string
  request: Request
  outcome: Outcome
  /** In milliseconds of this process. */
  sentAt: number
  answeredAt: number
  /** The first 2xx. */
  answer?: Answer
  refusal?: Answer
}

export class EffectsLedger {
  readonly #sent = new Map<string, Sent>()
  /** The newest value of each register that was acknowledged, or read by anyone. */
  readonly #floors = new Map<string, number>()

  send(id: string, request: Request): Sent {
    const sent: Sent = { id, request, outcome: 'pending', sentAt: performance.now(), answeredAt: Infinity }
    this.#sent.set(id, sent)
    return sent
  }

  /** Writes down what came of it. Null: the connection broke. */
  record(sent: Sent, answer: Answer | null): void {
    sent.answeredAt = performance.now()
    if (!answer || (answer.status === 503 && /"(commit|outcome)_unknown"/.test(answer.body))) sent.outcome = 'unknown'
    else if (answer.status < 300) {
      sent.outcome = 'acknowledged'
      sent.answer ??= answer
      if (sent.request.kind === 'register') this.raiseFloor(sent.request.name, sent.request.value)
    } else {
      sent.outcome = 'refused'
      sent.refusal = answer
    }
  }

  /** Nobody may be shown an older value of a register from now on. */
  floor(name: string): number {
    return this.#floors.get(name) ?? 0
  }

  raiseFloor(name: string, value: number): void {
    if (value > this.floor(name)) this.#floors.set(name, value)
  }

  get(id: string): Sent | undefined {
    return this.#sent.get(id)
  }

  /** In the order of sending. */
  all(): Sent[] {
    return [...this.#sent.values()]
  }

  of<K extends Request['kind']>(...kinds: K[]): (Sent & { request: Extract<Request, { kind: K }> })[] {
    return this.all().filter(({ request }) => (kinds as string[]).includes(request.kind)) as never
  }

  count(outcome: Outcome): number {
    return this.all().filter((sent) => sent.outcome === outcome).length
  }
}
