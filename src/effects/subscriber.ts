import { checkOptions, MonoblocError } from '../errors.ts'
import type { Effect, EffectContext } from './effect.ts'
import { checkEffectName } from './effect-name.ts'
import { type DataOf, type EventType, isEvent } from './event.ts'
import type { RetryOptions } from './retry-delay.ts'

/** Which event it is. */
export interface EventFacts {
  /** The same for every try and every subscriber: what is outside the database can tell a repetition by it. */
  id: string
  name: string
  /** When it was committed; within the emitting transaction, when it was emitted. */
  at: Date
  /** Of its transaction in the log; null within it. */
  position: number | null
  /** What `key` said of it; null without. */
  key: string | null
  /** Of its schema, when it was emitted. `data` is as the newest has it. */
  version: number
}

export interface SubscriberPrepareContext<Ms, U, Data> extends Omit<EffectContext<Ms, U>, 'emit' | 'enqueue'> {
  event: EventFacts
  data: Data
}

export interface SubscriberContext<Ms, U, Data, Prepared = undefined>
  extends SubscriberPrepareContext<Ms, U, Data>,
    Pick<EffectContext<Ms, U>, 'emit' | 'enqueue'> {
  /** What `prepare` returned. */
  prepared: Prepared
}

export interface SubscriberOptions<Ms, U, E extends EventType, P = unknown> {
  /** By which its place in the log is kept. */
  name: string
  /**
   * Runs in a transaction of its own, as the system, in which its place in the log moves: what it writes is there once,
   * whatever crashes. It awaits nothing but its tools. What it throws undoes it, and it is tried again.
   */
  handle(context: SubscriberContext<Ms, U, DataOf<E>, P>): unknown | Promise<unknown>
  /** Runs before the transaction and may await anything; its `db` only reads. It may run again for the same event. */
  prepare?(context: SubscriberPrepareContext<Ms, U, DataOf<E>>): P | Promise<P>
  /**
   * `false`: `handle` runs outside a transaction and may await anything; each call of `db` is its own. It runs **at least
   * once**: after a crash it may run again, with the same `event.id`, by which what it does elsewhere must be told apart.
   */
  transaction?: false
  /** Events of one key are handled in order, those of different keys side by side. 1 to 200 characters. */
  key?(data: DataOf<E>): string
  /** How many are handled side by side, from 1 to 100. With `key` default 10; without it they are in no order. */
  parallel?: number
  /** Runs inside the transaction that emits, before it commits: what it throws undoes that. It has no place in the log. */
  within?: boolean
  /** Where it begins when the database does not know it: behind the newest event (default), or at the oldest in the log. */
  from?: 'newest' | 'start'
  /** When it fails. Default: after a second, then after twice the time, at most 5 minutes, until it succeeds or is skipped. */
  retry?: RetryOptions
  /** Milliseconds of one run. Default 10,000; with `prepare` or `transaction: false` 5 minutes. */
  timeout?: number
}

/** What is done when something has happened, as an app declares it. */
export interface Subscriber<E extends EventType = EventType> extends Effect {
  readonly kind: 'subscriber'
  readonly event: E
  readonly options: SubscriberOptions<any, any, E, any>
}

const known = {
  name: true,
  handle: true,
  prepare: true,
  transaction: true,
  key: true,
  parallel: true,
  within: true,
  from: true,
  retry: true,
  timeout: true,
} as const satisfies Record<keyof SubscriberOptions<any, any, EventType>, true>

/** More handlers than this at once only wait for one another. */
const mostParallel = 100
const defaultParallel = 10
const longestTimeout = 24 * 60 * 60_000
// A transaction holds the write lock of SQLite; what is prepared holds nothing.
const shortTimeout = 10_000
const looseTimeout = 5 * 60_000

/** @throws MonoblocError `definition_invalid` */
export function createSubscriber<E extends EventType>(
  definition: object,
  event: E,
  options: SubscriberOptions<any, any, E, any>,
): Subscriber<E> {
  checkEffectName('on', options?.name)
  const { name, handle, prepare, transaction, key, parallel, within, from, retry, timeout } = options
  const what = `on("${name}")`
  const check = (isRight: boolean, detail: string) => {
    if (!isRight) throw new MonoblocError('definition_invalid', { subject: name, detail: `${what}: ${detail}` })
  }
  checkOptions(what, options, known)
  check(isEvent(event), 'the first argument is what event() has made.')
  check(typeof handle === 'function', 'handle is a function.')
  check(prepare === undefined || typeof prepare === 'function', 'prepare is a function.')
  check(transaction === undefined || transaction === false, 'transaction is false, or left out.')
  check(
    !(prepare && transaction === false),
    'with transaction: false nothing need be prepared: handle may await anything.',
  )
  check(key === undefined || typeof key === 'function', 'key is a function from data to text.')
  check(isWholeIn(parallel, 1, mostParallel), `parallel is a whole number from 1 to ${mostParallel}.`)
  check(isWholeIn(timeout, 1, longestTimeout), 'timeout is in milliseconds, at most a day.')
  check(from === undefined || from === 'newest' || from === 'start', "from is 'newest' or 'start'.")
  if (retry !== undefined) {
    checkOptions(`${what} retry`, retry, { delay: true, longest: true })
    const areDelays = isWholeIn(retry.delay, 1, longestTimeout) && isWholeIn(retry.longest, 1, longestTimeout)
    check(areDelays, 'retry has delay and longest in milliseconds, at most a day.')
  }
  if (within) {
    const useless = Object.keys(options).filter((option) => !['name', 'handle', 'within'].includes(option))
    check(
      useless.length === 0,
      `with within: true there is no ${useless.join(', ')}: it is part of the other transaction.`,
    )
  }
  return { kind: 'subscriber', name, definition, event, options }
}

/** How many are handled side by side; undefined: one after another, in the order of the log. */
export function parallelOf({ options }: Subscriber): number | undefined {
  const { key, parallel } = options
  return key ? (parallel ?? defaultParallel) : parallel === 1 ? undefined : parallel
}

export function timeoutOf({ options }: Subscriber): number {
  return options.timeout ?? (options.prepare || options.transaction === false ? looseTimeout : shortTimeout)
}

function isWholeIn(value: unknown, least: number, most: number): boolean {
  return value === undefined || (Number.isInteger(value) && (value as number) >= least && (value as number) <= most)
}
