import { MonoblocError } from '../errors.ts'
import type { AnyModel, StandardSchemaV1 } from '../schema/index.ts'

/** An answer that is made while it is sent: `item` says what each part of it is. */
export class StreamReturns<K extends 'events' | 'lines' = any, S extends AnyModel | StandardSchemaV1 = any> {
  readonly kind: K
  readonly item: S
  readonly heartbeat: number
  readonly retry: number | undefined

  constructor(kind: K, item: S, { heartbeat = 15_000, retry }: EventStreamOptions = {}) {
    if (!Number.isInteger(heartbeat) || heartbeat < 100 || heartbeat > 600_000)
      throw invalid('heartbeat is milliseconds from 100 to 600,000')
    if (retry !== undefined && (!Number.isInteger(retry) || retry < 0)) throw invalid('retry is milliseconds from 0')
    this.kind = kind
    this.item = item
    this.heartbeat = heartbeat
    this.retry = retry
  }

  get type(): string {
    return this.kind === 'events' ? eventStreamType : linesType
  }
}

export const eventStreamType = 'text/event-stream'
export const linesType = 'application/x-ndjson'

export interface EventStreamOptions {
  /**
   * Milliseconds after which a comment is sent when nothing else was, so that whatever stands between keeps the
   * connection, and a client that has gone is noticed. Default 15,000.
   */
  heartbeat?: number
  /** Milliseconds that a client is told to wait before it connects again. Default: the client's, some 3,000. */
  retry?: number
}

/** One server-sent event. */
export interface ServerEvent<T> {
  /** Sent as JSON. */
  data: T
  /** What the client sends as `Last-Event-ID` when it connects again: `lastEventId` in the handler. */
  id?: string
  /** The type under which browsers dispatch it. Default `message`. */
  event?: string
  /** From now on, as the option of the same name. */
  retry?: number
}

/**
 * For `returns`: server-sent events (`text/event-stream`, WHATWG HTML 9.2). The handler returns an async iterable of
 * `{ data, id?, event?, retry? }`, `data` being of this schema; an `async *handle` is one.
 *
 * The stream has no transaction: each call of `db` in it is its own. It ends when the iterable does, when the client goes
 * (`signal` is aborted) and when the server stops.
 */
export function eventStream<S extends AnyModel | StandardSchemaV1>(
  data: S,
  options?: EventStreamOptions,
): StreamReturns<'events', S> {
  return new StreamReturns('events', data, options)
}

/** For `returns`: a line of JSON for each item of the async iterable that the handler returns (`application/x-ndjson`). */
export function ndjson<S extends AnyModel | StandardSchemaV1>(item: S): StreamReturns<'lines', S> {
  return new StreamReturns('lines', item)
}

function invalid(detail: string): MonoblocError {
  return new MonoblocError('definition_invalid', { detail: `eventStream: ${detail}.` })
}
