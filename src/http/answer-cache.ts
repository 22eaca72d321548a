import type { IncomingMessage, ServerResponse } from 'node:http'
// The global is an accessor, which takes longer than the clock itself.
import { performance } from 'node:perf_hooks'
import { areOpen, type ExactCache, type Kept, type Recording, rulesText, wholeTable } from '../cache/index.ts'
import type { Guard } from '../commit/index.ts'
import type { AnyModel, Duration } from '../schema/index.ts'
import type { Answer } from './answer.ts'
import { fieldOf } from './answer-fields.ts'
import { isUntouched } from './answer-head.ts'
import type { HttpApp } from './app.ts'
import type { Exchange } from './exchange.ts'
import type { Keeping } from './host.ts'
import { KeptAnswer } from './kept-answer.ts'
import { checkHead } from './request-head.ts'
import { requestDone } from './request-log.ts'

/** How answers of an endpoint are kept. */
export interface CacheOptions {
  /** How long at most, as `10m`. Default: until what they read changes. */
  ttl?: Duration
  /** Models of which any change makes them wrong, where their SQL does not tell what it reads. */
  reads?: readonly AnyModel[]
}

/** How answers of one route are kept. */
export interface RouteCache {
  ttl: number | undefined
  reads: readonly AnyModel[] | undefined
  /** Models whose policies its answers have asked. */
  readonly asked: Set<AnyModel>
}

/** What a request that makes an answer to be kept holds. */
export interface Making {
  recording: Recording
  mark: number
  /** Under which others wait for it. */
  key: string | undefined
  resolve: (() => void) | undefined
}

// Who finds the answer gone again, that it waited for, makes it for itself.
const mostWaits = 3

/**
 * Answers that are kept, for one server.
 *
 * A request with nothing but an address, from nobody, is answered before its route is looked for (`answerAtOnce`). For all
 * others `take` comes when it is known who asks:
 *
 *   is one kept? ─ yes ─▶ has anything changed? ─ no ─▶ answered
 *        │                        └ yes: as if none were kept
 *        └ no ─▶ is it being made? ─ yes ─▶ wait, and look again
 *                       └ no ─▶ made as ever, with its reads recorded ─▶ kept, and sent
 */
export class AnswerCache {
  readonly #app: HttpApp
  readonly #keeping: Keeping
  readonly #cache: ExactCache
  readonly #checksIdentity: boolean
  #lastHost: string | undefined

  constructor(app: HttpApp, keeping: Keeping) {
    this.#app = app
    this.#keeping = keeping
    this.#cache = keeping.cache
    this.#checksIdentity = app.host.identify !== undefined
  }

  get mark(): number {
    return this.#cache.mark
  }

  /**
   * Answers a request at once, where it asks for what is kept for everybody and for nothing beside it.
   *
   * @param goOn answers it otherwise, also when it turns out later that this must be; with an error, where nothing could be
   *   found out in time
   * @returns false where `goOn` is to be called
   */
  answerAtOnce(
    request: IncomingMessage,
    response: ServerResponse,
    arriving: boolean,
    goOn: (error?: unknown) => void,
  ): boolean {
    const kept = this.#cache.getOften(request.url!) as Kept<KeptAnswer> | undefined
    if (kept === undefined || request.method !== 'GET') return false
    const { value } = kept
    if (!value.isPlain || !this.#isPlain(request, response, value.isLarge)) return false
    const waiting = this.#lookAt(arriving && response.socket !== null)
    if (waiting === false) return false
    if (waiting) {
      waiting.then(() => (kept.isGone || !this.#app.plain ? goOn() : this.#sendAtOnce(value, request, response)), goOn)
      return true
    }
    if (kept.isGone) return false
    this.#sendAtOnce(value, request, response)
    return true
  }

  /** False: nothing is known, which the exchange says in its own way. */
  #lookAt(arriving: boolean): Promise<void> | undefined | false {
    try {
      return this.#cache.catchUp(arriving)
    } catch {
      return false
    }
  }

  #sendAtOnce(value: KeptAnswer, request: IncomingMessage, response: ServerResponse): void {
    const { diagnostics } = this.#app
    this.#cache.counters.hits++
    if (!diagnostics.on(requestDone)) {
      value.send(response)
      return
    }
    const startedAt = performance.now()
    const id = value.send(response)
    diagnostics.emit(requestDone, {
      request: id,
      method: 'GET',
      route: value.route,
      url: request.url!,
      status: 200,
      duration: Math.round((performance.now() - startedAt) * 1000) / 1000,
      bytes: value.length,
      address: request.socket.remoteAddress,
    })
  }

  /** Nothing in its header asks for anything else than the answer as it is. */
  #isPlain(request: IncomingMessage, response: ServerResponse, isLarge: boolean): boolean {
    if (!this.#app.plain || !isUntouched(response) || !this.#keeping.onlyTokens) return false
    const { rawHeaders } = request
    if (rawHeaders.length === 2) {
      const [name, host] = rawHeaders as [string, string]
      if (name !== 'host' && name !== 'Host') return false
      if (host === this.#lastHost) return true
      if (!this.#isWellFormed(request)) return false
      this.#lastHost = host
      return true
    }
    for (let at = 0; at < rawHeaders.length; at += 2) {
      const name = rawHeaders[at]!
      if (!isWithoutEffect(name, rawHeaders[at + 1]!, isLarge)) return false
    }
    return this.#isWellFormed(request)
  }

  #isWellFormed(request: IncomingMessage): boolean {
    try {
      checkHead(request, this.#app.limits)
      return true
    } catch {
      return false
    }
  }

  /** Answers a request from what is kept; or lets it go on, and keeps what comes of it. */
  take(exchange: Exchange, goOn: () => void, waits = 0): void {
    const key = this.#keyOf(exchange)
    const kept = key === undefined ? undefined : (this.#cache.get(key) as Kept<KeptAnswer> | undefined)
    if (kept) {
      const waiting = this.#cache.catchUp(exchange.isArriving)
      const give = () => {
        if (kept.isGone) this.#make(exchange, goOn, key, waits)
        else {
          this.#cache.counters.hits++
          exchange.answer(kept.value.answer)
        }
      }
      if (waiting) exchange.later(waiting, give)
      else give()
    } else this.#make(exchange, goOn, key, waits)
  }

  #make(exchange: Exchange, goOn: () => void, key: string | undefined, waits: number): void {
    const other = key === undefined || waits === mostWaits ? undefined : this.#cache.underWay.get(key)
    if (other) {
      exchange.later(other, () => this.take(exchange, goOn, waits + 1))
      return
    }
    this.#cache.counters.misses++
    const { reads, ttl } = exchange.route!.cache!
    const recording = this.#cache.begin(reads !== undefined, ttl)
    if (reads) recording.add(reads.map((model) => wholeTable(model.name)))
    // Who a user is was read before; of nobody there is nothing to be read.
    const mark = exchange.user === null ? this.#cache.mark : exchange.mark
    const making: Making = { recording, mark, key, resolve: undefined }
    if (key !== undefined) {
      const { promise, resolve } = Promise.withResolvers<void>()
      this.#cache.underWay.set(key, promise)
      making.resolve = resolve
    }
    exchange.making = making
    goOn()
  }

  /** Keeps an answer that was made; null: there is none. */
  made(exchange: Exchange, answer: Answer | null): void {
    const making = exchange.making!
    exchange.making = undefined
    try {
      if (answer === null || !isKeepable(answer)) this.#cache.abandon()
      else this.#keep(exchange, answer, making)
    } finally {
      if (making.key !== undefined) {
        this.#cache.underWay.delete(making.key)
        making.resolve!()
      }
    }
  }

  #keep(exchange: Exchange, answer: Answer, { recording, mark }: Making): void {
    const { endpoint, cache } = exchange.route!
    for (const model of recording.rules.keys()) cache!.asked.add(model)
    const { userModel } = this.#keeping
    if (exchange.user !== null && endpoint.resource === undefined && userModel)
      recording.user(userModel, (exchange.user as Record<string, unknown>)[userModel.key[0]!])
    const key = this.#keyOf(exchange, recording.guard)
    if (key === undefined) {
      this.#cache.abandon()
      return
    }
    const body = answer.body as string
    const whole: Answer = { ...answer, tag: answer.tag ?? this.#app.tags.tagOf(exchange.request.url!, body) }
    const value = new KeptAnswer(this.#app, whole, endpoint.path)
    this.#cache.keep(key, value, value.bytes, recording, mark)
  }

  /**
   * For whom an answer is, and of what: an address as it is for nobody, and for everybody where all may read what it shows.
   * Undefined where it is not known yet what the answer shows.
   *
   * @param by whose rules it was made: they may be others by now
   */
  #keyOf({ app, request, route, user }: Exchange, by?: Guard): string | undefined {
    const address = app.edition === '' ? request.url! : `${app.edition} ${request.url!}`
    if (user === null || !this.#checksIdentity) return address
    const { asked } = route!.cache!
    const guard = by ?? this.#keeping.guardFor(user as object)
    if (route!.endpoint.resource === undefined)
      return `${address}\n@${String(this.#keeping.keyOf(user as object))}${rulesText(guard, asked)}`
    if (asked.size === 0) return undefined
    return areOpen(guard, asked) ? address : address + rulesText(guard, asked)
  }
}

// What browsers and programs send with everything, and no answer of ours depends on. Cookies are of no effect where only
// tokens say who somebody is.
const withoutEffect =
  /^(?:host|user-agent|accept-language|accept-charset|referer|dnt|priority|sec-[a-z-]+|x-forwarded-[a-z]+|forwarded|via|x-real-ip|cookie|save-data|upgrade-insecure-requests|cache-control|pragma|origin)$/i

function isWithoutEffect(name: string, value: string, isLarge: boolean): boolean {
  if (withoutEffect.test(name)) return true
  if (name.length === 15 && name.toLowerCase() === 'accept-encoding') return !isLarge
  if (name.length === 6 && name.toLowerCase() === 'accept')
    return (value === '*/*' || value.includes('application/json')) && !value.includes('q=0')
  return name.length === 10 && name.toLowerCase() === 'connection' && value.toLowerCase() === 'keep-alive'
}

function isKeepable({ status, headers, body }: Answer): boolean {
  if (status !== 200 || typeof body !== 'string' || headers.includes('set-cookie')) return false
  return !/\bno-store\b/i.test(fieldOf(headers, 'cache-control') ?? '')
}
