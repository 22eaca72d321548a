import type { Readable } from 'node:stream'
import { MonoblocError } from '../errors.ts'
import { discardBody, type SizedBody } from './answer-body.ts'
import type { Exchange } from './exchange.ts'
import type { HttpLimits } from './limits.ts'
import { ItemStream } from './stream-items.ts'

// How often clients that stopped reading are looked for: a tenth of the least time that one is given.
const looksPerStall = 10

interface Open {
  exchange: Exchange
  body: Readable | SizedBody
  /** What the connection had written when it last made progress, and when that was. */
  written: number
  since: number
}

/** The streamed answers that are under way: how many there may be, which of them nobody reads, and their end with the server's. */
export class StreamRegistry {
  readonly #limits: HttpLimits
  readonly #open = new Set<Open>()
  #timer: NodeJS.Timeout | undefined
  #closed = false

  constructor(limits: HttpLimits) {
    this.#limits = limits
  }

  get size(): number {
    return this.#open.size
  }

  /** @throws MonoblocError `overloaded` */
  add(exchange: Exchange, body: Readable | SizedBody): void {
    if (this.#open.size >= this.#limits.streams) {
      discardBody(body)
      throw new MonoblocError('overloaded', { detail: `${this.#limits.streams} streams are open (limits.streams).` })
    }
    const open = { exchange, body, written: 0, since: performance.now() }
    this.#open.add(open)
    if (body instanceof ItemStream) body.once('close', () => this.#remove(open))
    exchange.response.once('close', () => this.#remove(open))
    this.#timer ??= setInterval(() => this.#look(), this.#limits.streamStall / looksPerStall).unref()
    // Whoever connects again while the server stops is sent on by a stream that ends: another status ends an EventSource.
    if (this.#closed) this.#finish(open)
  }

  /** Ends those that have no end of their own. What is finite is a request under way, and finishes. */
  close(): void {
    this.#closed = true
    for (const open of this.#open) this.#finish(open)
  }

  #finish({ exchange, body }: Open): void {
    if (!(body instanceof ItemStream) || !body.endless) return
    body.finish()
    exchange.abort(new MonoblocError('shutting_down'))
  }

  #remove(open: Open): void {
    this.#open.delete(open)
    if (this.#open.size > 0) return
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #look(): void {
    const now = performance.now()
    for (const open of this.#open) {
      const { response } = open.exchange
      const written = response.socket?.bytesWritten ?? 0
      if (!response.writableNeedDrain || written !== open.written) {
        open.written = written
        open.since = now
      } else if (now - open.since >= this.#limits.streamStall) {
        response.destroy(new MonoblocError('request_timeout', { detail: 'The client stopped reading.' }))
      }
    }
  }
}
