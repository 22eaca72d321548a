// What the clients of one database know about each of their requests.
//
//   pending       sent, no answer yet
//   acknowledged  a whole 2xx came: its effect must be there from now on
//   refused       another whole answer came: no effect of it may ever be there (an `outside` may have got half way)
//   unknown       the connection broke first: its effect is wholly there or wholly absent
//   kept, gone    unknown, and then seen to be there or not in the database after the fault: so it must stay
//   unresolved    an `outside` whose key answers `outcome_unknown`: each of its writes is there at most once
import type { NoteContent, Operation } from './operation.ts'

export type Outcome = 'pending' | 'acknowledged' | 'refused' | 'unknown' | 'kept' | 'gone' | 'unresolved'

export interface Answer {
  status: number
  /** As it came. */
  body: string
  /** The header field that the app declares: a replay has it too. */
  declared: string
  /** Seconds, as it came. */
  retryAfter?: string | undefined
}

export interface Sent {
  operation: Operation
  outcome: Outcome
  /** When it was sent, and when its last answer came or its connection broke, in milliseconds of this process. */
  sentAt?: number
  answeredAt?: number
  /** The first whole answer with a 2xx. */
  answer?: Answer
  /** The last other whole answer. */
  refusal?: Answer
}

/** `either`: nobody knows yet. */
export type Presence = 'present' | 'absent' | 'either'

export function presenceOf({ operation, outcome }: Sent): Presence {
  if (outcome === 'refused' && operation.kind === 'outside') return 'either'
  if (outcome === 'acknowledged' || outcome === 'kept') return 'present'
  return outcome === 'refused' || outcome === 'gone' ? 'absent' : 'either'
}

export class Acknowledged {
  readonly #sent = new Map<string, Sent>()
  readonly #slots = new Map<string, Sent[]>()

  send(operation: Operation): Sent {
    return this.#add({ operation, outcome: 'pending', sentAt: performance.now() })
  }

  /** What a slot holds, for all that its client knows. */
  note(slot: string): NoteContent | null {
    const last = this.#slots.get(slot)?.findLast((sent) => presenceOf(sent) === 'present')
    return last?.operation.kind === 'note' ? last.operation.content : null
  }

  /** Whether nobody knows what its last change made of a slot: until that is looked up, whatever it holds may be right. */
  isUnsettled(slot: string): boolean {
    const last = this.#slots.get(slot)?.at(-1)
    return last !== undefined && presenceOf(last) === 'either'
  }

  get(id: string): Sent | undefined {
    return this.#sent.get(id)
  }

  /** In the order of sending, which for the requests of one client is the order of their effects. */
  all(): Sent[] {
    return [...this.#sent.values()]
  }

  of<K extends Operation['kind']>(kind: K): (Sent & { operation: Extract<Operation, { kind: K }> })[] {
    return this.all().filter(({ operation }) => operation.kind === kind) as never
  }

  count(...outcomes: Outcome[]): number {
    return this.all().filter(({ outcome }) => outcomes.includes(outcome)).length
  }

  /**
   * What was known at an earlier moment, when only these had been answered, with these statuses. A client sends one request after the other:
   * of each, the first without an answer may have been under way, and none after it had been sent.
   */
  when(answered: ReadonlyMap<string, number>): Acknowledged {
    const earlier = new Acknowledged()
    const waiting = new Set<string>()
    for (const { operation, ...known } of this.all()) {
      const client = operation.id.slice(0, operation.id.indexOf('.'))
      const status = answered.get(operation.id)
      if (status !== undefined)
        earlier.#add({ operation, ...known, outcome: status < 300 ? 'acknowledged' : 'refused' })
      else if (waiting.has(client)) earlier.#add({ operation, outcome: 'gone' })
      else earlier.#add({ operation, outcome: known.outcome === 'refused' ? 'refused' : 'unknown' })
      if (!answered.has(operation.id)) waiting.add(client)
    }
    return earlier
  }

  #add(sent: Sent): Sent {
    const { operation } = sent
    this.#sent.set(operation.id, sent)
    if (operation.kind === 'note') this.#slots.set(operation.slot, [...(this.#slots.get(operation.slot) ?? []), sent])
    return sent
  }
}
