import type { Readable } from 'node:stream'
import type { SizedBody } from './answer-body.ts'

/**
 * A body that is JSON already, such as one that SQL built: sent as it is, neither checked nor changed. Whoever makes one
 * answers for its content.
 */
export class JsonText {
  readonly text: string
  /** The entity tag without its quotes, where the maker knows one that is cheaper than the content's hash. */
  readonly tag: string | undefined

  constructor(text: string, tag?: string) {
    this.text = text
    this.tag = tag
  }
}

/** What leaves as a body. Text leaves as UTF-8. */
export type AnswerBody = string | Uint8Array | Readable | SizedBody | null

/** A finished answer: serialised inside the unit of work, so that an answer that can't be sent undoes what it tells of. */
export interface Answer {
  status: number
  /** Names and values in turn, names in lower case, as `res.writeHead` takes them. Without those of the transport. */
  headers: string[]
  body: AnswerBody
  /** The entity tag without its quotes; null for an answer that has none. */
  tag: string | null
  /** Stored for an `Idempotency-Key` and given again. */
  replayed?: boolean
}

/** The header of most answers: one list for all of them, by which they are known, and so never changed. */
export const onlyJson: string[] = ['content-type', 'application/json']

export function saysNothingOfCaching(headers: readonly string[]): boolean {
  return headers === onlyJson || (!headers.includes('etag') && !headers.includes('cache-control'))
}
