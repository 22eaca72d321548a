import type { Acknowledged } from './acknowledged.ts'
import type { Random } from './random.ts'

export interface NoteContent {
  title: string
  body: string
  tags: string[]
}

/**
 * One request that changes data. Its `id` is its `X-Request-Id`, so that it is the cause in the commit log, and its
 * `Idempotency-Key` where it has one.
 *
 * - `note` writes one note with its tags, or deletes it (null). A slot belongs to one client, which changes it in turn.
 * - `transfer` changes two accounts and adds a transfer with two entries; one that asks too much is refused half way.
 * - `hit` counts: with an Idempotency-Key, and no unique key that would hide a second effect.
 * - `order` inserts an order and its lines, and undoes one more line in a nested transaction.
 * - `refusal` writes and then fails in one of several ways: nothing of it may ever be there.
 * - `outside` writes twice without a transaction, with an Idempotency-Key.
 */
export type Operation = { id: string } & (
  | { kind: 'note'; slot: string; content: NoteContent | null }
  | { kind: 'transfer'; from: string; to: string; amount: number }
  | { kind: 'hit'; counter: string }
  | { kind: 'order'; lines: { item: string; quantity: number; price: string }[] }
  | { kind: 'refusal'; how: Refusal }
  | { kind: 'outside' }
)

export type Refusal = (typeof refusals)[number]
export const refusals = ['throw', 'unique', 'reference', 'check', 'foreign'] as const

export const accounts = Array.from({ length: 8 }, (_, at) => `account-${at}`)
export const openingBalance = 1000
export const counters = ['left', 'right']
const tags = ['amber', 'birch', 'cedar', 'delta', 'ember', 'fjord']
const slotsPerClient = 4

export interface Request {
  method: 'POST' | 'PUT' | 'DELETE'
  path: string
  body: unknown
  idempotent: boolean
}

export function requestOf(operation: Operation): Request {
  const { id, ...body } = operation
  const post = (path: string, idempotent = false): Request => ({
    method: 'POST',
    path,
    body: { request: id, ...body, kind: undefined },
    idempotent,
  })
  switch (operation.kind) {
    case 'note':
      return operation.content
        ? { method: 'PUT', path: `/notes/${operation.slot}`, body: operation.content, idempotent: false }
        : { method: 'DELETE', path: `/notes/${operation.slot}`, body: undefined, idempotent: false }
    case 'transfer':
      return post('/transfers')
    case 'hit':
      return post('/hits', true)
    case 'order':
      return post('/orders')
    case 'refusal':
      return post('/refusals')
    case 'outside':
      return post('/outside', true)
  }
}

/** Draws what one client does next. */
export class OperationDraw {
  readonly #random: Random
  readonly #client: string
  #count = 0

  constructor(random: Random, client: string) {
    this.#random = random
    this.#client = client
  }

  /** @param ledger what is known of the slots: a note that is not there is not deleted, one of which nobody knows is left alone */
  next(ledger: Pick<Acknowledged, 'note' | 'isUnsettled'>): Operation {
    const random = this.#random
    const id = `${this.#client}.${++this.#count}`
    const kind = random.pick(kinds)
    switch (kind) {
      case 'note': {
        const slot = `${this.#client}-${random.below(slotsPerClient)}`
        if (ledger.isUnsettled(slot)) return this.next(ledger)
        const content = ledger.note(slot) !== null && random.chance(0.2) ? null : this.#content(id)
        return { id, kind, slot, content }
      }
      case 'transfer': {
        const [from, to] = random.some(accounts, 2) as [string, string]
        const amount = random.chance(0.1) ? openingBalance * accounts.length + 1 : 1 + random.below(50)
        return random.chance(0.5) ? { id, kind, from, to, amount } : { id, kind, from: to, to: from, amount }
      }
      case 'hit':
        return { id, kind, counter: random.pick(counters) }
      case 'order': {
        const line = (_: unknown, at: number) => ({
          item: `${id}/${at}`,
          quantity: 1 + random.below(9),
          price: `${random.below(1000)}.${10 + random.below(90)}`,
        })
        return { id, kind, lines: Array.from({ length: 1 + random.below(5) }, line) }
      }
      case 'refusal':
        return { id, kind, how: random.pick(refusals) }
      case 'outside':
        return { id, kind }
    }
  }

  #content(id: string): NoteContent {
    const random = this.#random
    // Now and then a body of many pages, so that the WAL grows and checkpoints fall among the faults.
    const words = random.chance(0.25) ? 2000 + random.below(4000) : random.below(30)
    const word = random.pick(['salt', 'naïve', '日本', '🜁'])
    return { title: `${id} ${word}`, body: `${word} `.repeat(words) + id, tags: random.some(tags, random.below(4)) }
  }
}

// Weighted by repetition.
const kinds = [
  'note',
  'note',
  'note',
  'transfer',
  'transfer',
  'transfer',
  'hit',
  'hit',
  'order',
  'refusal',
  'outside',
] as const
