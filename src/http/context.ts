import type { IncomingHttpHeaders } from 'node:http'
import { type EffectTools, effectTools } from '../effects/index.ts'
import type { Logger } from '../observe/index.ts'
import type { NodeRequest, Reply, RequestFacts } from './endpoint-types.ts'
import type { Exchange } from './exchange.ts'
import { ReplyState } from './reply.ts'

/**
 * What a handler is given. Made for each run of it; what few handlers use is made when they do. The tools of the host
 * (`auth`, …) are on the prototype of the server's own subclass, so that they cost nothing here.
 */
export class HandlerContext {
  readonly params: unknown
  readonly query: unknown
  readonly body: unknown
  readonly user: unknown
  readonly db: unknown
  readonly prepared: unknown
  readonly #exchange: Exchange
  #reply: ReplyState | undefined
  #effects: EffectTools | undefined

  constructor(exchange: Exchange, db: unknown, user: unknown) {
    this.#exchange = exchange
    this.params = exchange.params
    this.query = exchange.query
    this.body = exchange.body
    this.prepared = exchange.prepared
    this.user = user
    this.db = db
  }

  get headers(): IncomingHttpHeaders {
    this.#exchange.looked()
    return this.#exchange.request.headers
  }

  get req(): NodeRequest {
    this.#exchange.looked()
    return this.#exchange.request
  }

  get request(): RequestFacts {
    this.#exchange.looked()
    return this.#exchange.facts
  }

  get emit(): EffectTools['emit'] {
    return (this.#effects ??= effectTools(this.db)).emit
  }

  get enqueue(): EffectTools['enqueue'] {
    return (this.#effects ??= effectTools(this.db)).enqueue
  }

  get log(): Logger {
    return this.#exchange.log
  }

  get signal(): AbortSignal {
    return this.#exchange.signal
  }

  get lastEventId(): string | null {
    const given = this.headers['last-event-id']
    // Browsers send the UTF-8 that they were sent; Node reads header fields byte by byte.
    return typeof given === 'string' ? Buffer.from(given, 'latin1').toString() : null
  }

  get reply(): Reply {
    return (this.#reply ??= new ReplyState())
  }

  /** What has been said through `reply`; undefined when nothing was. */
  static replyOf(context: HandlerContext): ReplyState | undefined {
    return context.#reply
  }
}
