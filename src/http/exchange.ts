import { hash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { MonoblocError } from '../errors.ts'
import { isRequestId, type Logger, nextRequestId } from '../observe/index.ts'
import type { Answer } from './answer.ts'
import { sendAnswer, sendProblem } from './answer-send.ts'
import type { HttpApp } from './app.ts'
import { HandlerContext } from './context.ts'
import type { RequestFacts } from './endpoint-types.ts'
import type { MaybePromise, Unit, UnitScope } from './host.ts'
import { checkIdempotencyKey } from './idempotency.ts'
import { parseStrictJson } from './json-strict.ts'
import { acceptsJson, checkMediaType } from './media-type.ts'
import { hasBody, readBody } from './request-body.ts'
import { checkInput, type RequestInput } from './request-input.ts'
import { parseQuery, pathOf, queryTextOf } from './request-target.ts'
import type { Route } from './route.ts'
import { continueTrace, type Trace } from './trace.ts'

type Next<T> = (this: Exchange, value: T) => void

/**
 * One request, from its header to its answer. It goes forward only:
 *
 *   begin → identified → received → validated → prepared → (unit of work: work → answer) → sent
 *
 * and from any of them to `fail`, which answers with a problem. Each step calls the next one itself, at once where it
 * has its result, so that a request whose parts are all synchronous is answered within one turn and without a promise.
 * `done` is set when an answer has been given; what comes later (a deadline, a late failure) finds it set and stops.
 */
export class Exchange {
  readonly app: HttpApp
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly id: string
  readonly startedAt = performance.now()
  route: Route | undefined
  params: unknown
  query: unknown
  body: unknown
  user: unknown = null
  prepared: unknown
  done = false
  #bytes: Buffer | undefined
  readonly #values: string[] = []
  readonly trace: Trace | undefined
  /** Something has been waited for since `startedAt`. */
  #waited = false
  #abort: AbortController | undefined
  #timer: NodeJS.Timeout | undefined

  constructor(app: HttpApp, request: IncomingMessage, response: ServerResponse) {
    this.app = app
    this.request = request
    this.response = response
    const { 'x-request-id': given, traceparent } = request.headers
    this.id = given !== undefined && isRequestId(given) ? given : nextRequestId()
    this.trace = traceparent === undefined ? undefined : continueTrace(traceparent as string)
  }

  start(): void {
    try {
      this.#begin()
    } catch (error) {
      this.fail(error)
    }
  }

  get facts(): RequestFacts {
    const { method, url, socket } = this.request
    return {
      id: this.id,
      method: method!,
      url: url!,
      address: socket.remoteAddress ?? '',
      trace: this.trace?.traceparent ?? null,
    }
  }

  get log(): Logger {
    return this.app.log.child({ request: this.id, ...(this.trace && { trace: this.trace.id }) })
  }

  /** Made when it is asked for: most requests end before anyone could use it. */
  get signal(): AbortSignal {
    if (!this.#abort) {
      const abort = (this.#abort = new AbortController())
      this.response.once('close', () => {
        if (!this.response.writableFinished)
          abort.abort(new MonoblocError('request_timeout', { detail: 'The client has gone.' }))
      })
    }
    return this.#abort.signal
  }

  #begin(): void {
    const { request, app } = this
    const target = request.url!
    if (target.length > app.limits.target) throw new MonoblocError('uri_too_long')
    if (request.rawHeaders.length > 2 * app.limits.headerFields) throw new MonoblocError('headers_too_large')
    if (request.headers.host === undefined && request.httpVersionMinor === 1)
      throw new MonoblocError('malformed_request')
    const path = pathOf(target)
    const method = request.method!
    const found =
      app.tree.find(method, path, this.#values) ??
      (method === 'HEAD' ? app.tree.find('GET', path, this.#values) : undefined)
    if (!found) {
      app.unrouted(this, path)
      return
    }
    this.route = found.value
    if (app.host.identify) this.#when(app.host.identify(request.headers), this.#identified)
    else this.#identified(null)
  }

  #identified(user: unknown): void {
    const { request, app } = this
    const route = this.route!
    this.user = user
    if (user === null && !route.anyone && app.host.identify) throw new MonoblocError('unauthenticated')
    const accept = request.headers.accept
    if (accept !== undefined && accept !== '*/*' && route.returns.shapes && !acceptsJson(accept))
      throw new MonoblocError('not_acceptable')
    const keyed = route.idempotent && request.headers['idempotency-key'] !== undefined
    if ((route.bodySchema || keyed) && hasBody(request)) {
      if (route.bodySchema)
        checkMediaType(
          route.method,
          request.headers['content-type'],
          request.headers['content-encoding'],
          route.accepts,
        )
      this.#waited = true
      readBody(request, route.bodyLimit, (error, bytes) => this.#step(this.#received, error ?? bytes))
      return
    }
    this.#validate()
  }

  #received(bytes: Buffer | MonoblocError): void {
    if (bytes instanceof MonoblocError) throw bytes
    this.#bytes = bytes
    if (this.route!.bodySchema && bytes.length) this.body = parseStrictJson(bytes, this.app.limits.jsonDepth)
    this.#validate()
  }

  #validate(): void {
    const route = this.route!
    this.params = route.names.length ? paramsOf(route.names, this.#values) : {}
    // Looked at even where no schema is, since what can't be decoded is refused whoever reads it.
    const text = queryTextOf(this.request.url!)
    this.query = text === '' && !route.querySchema ? emptyQuery : parseQuery(text, this.app.limits.queryParameters)
    if (route.paramsSchema || route.querySchema || route.bodySchema) this.#when(checkInput(route, this), this.#checked)
    else this.#validated()
  }

  #checked({ params, query, body }: RequestInput): void {
    this.params = params
    this.query = query
    this.body = body
    this.#validated()
  }

  #validated(): void {
    const route = this.route!
    if (!route.prepare) {
      this.#run()
      return
    }
    const { prepare } = route
    const work = (scope: UnitScope) => prepare(new this.app.Context(this, scope.db, this.user) as never)
    this.#limited(this.app.host.prepare(this.#unit(), work), this.#prepared)
  }

  #prepared(prepared: unknown): void {
    this.prepared = prepared
    this.#run()
  }

  #run(): void {
    const unit = this.#unit()
    const running = this.app.host.run(unit, (scope) => this.#work(scope))
    // Units of work end at their own deadline, which knows whether a commit is under way; without one we count.
    if (unit.mode === false) this.#limited(running, this.answer)
    else this.#when(running, this.answer)
  }

  #work(scope: UnitScope): MaybePromise<Answer> {
    const context = new this.app.Context(this, scope.db, scope.user ?? this.user)
    const value = this.route!.handle(context as never)
    if (!isPromise(value)) return this.#answerOf(value, context)
    return value.then((result) => this.#answerOf(result, context))
  }

  #answerOf(value: unknown, context: HandlerContext): Answer {
    const answer = this.route!.returns.answer(value, HandlerContext.replyOf(context))
    // Part of what is recorded for an Idempotency-Key; of a safe request it depends on what is sent, and is added then.
    if (answer.tag === null || this.route!.safe) return answer
    return { ...answer, headers: [...answer.headers, 'etag', `"${answer.tag}"`], tag: null }
  }

  answer(answer: Answer): void {
    this.done = true
    clearTimeout(this.#timer)
    sendAnswer(this, answer)
  }

  /** Answers with a problem; once an answer has begun, ends what can't be finished. */
  fail(error: unknown): void {
    clearTimeout(this.#timer)
    this.done = true
    if (!this.response.headersSent) sendProblem(this, error)
    else if (!this.response.writableEnded) this.response.destroy()
  }

  #unit(): Unit {
    const route = this.route!
    const deadline = this.#waited ? route.deadline - (performance.now() - this.startedAt) : route.deadline
    if (deadline <= 0) throw new MonoblocError('deadline_exceeded')
    return {
      mode: route.mode,
      user: this.user,
      deadline,
      label: route.label,
      cause: this.id,
      trace: this.trace?.id ?? null,
      idempotency: this.#claim(),
    }
  }

  #claim(): Unit['idempotency'] {
    const route = this.route!
    const key = route.idempotent ? this.request.headers['idempotency-key'] : undefined
    if (key === undefined) return null
    const head = Buffer.from(`${route.method}\0${this.request.url}\0${this.request.headers['content-type'] ?? ''}\0`)
    const fingerprint = hash('sha256', this.#bytes ? Buffer.concat([head, this.#bytes]) : head, 'base64url')
    return { key: checkIdempotencyKey(key), route: route.label, fingerprint }
  }

  /** Goes on with `next` when the value is there: at once, or later for a promise. */
  #when<T>(value: MaybePromise<T>, next: Next<T>): void {
    if (!isPromise(value)) {
      next.call(this, value)
      return
    }
    this.#waited = true
    value.then(
      (result) => this.#step(next, result),
      (error) => this.fail(error),
    )
  }

  /** As `#when`, and gives up at the deadline. */
  #limited<T>(value: MaybePromise<T>, next: Next<T>): void {
    if (isPromise(value)) {
      const rest = this.route!.deadline - (performance.now() - this.startedAt)
      this.#timer = setTimeout(() => {
        const error = new MonoblocError('deadline_exceeded')
        this.#abort?.abort(error)
        this.fail(error)
      }, rest)
    }
    this.#when(value, function (result) {
      clearTimeout(this.#timer)
      next.call(this, result)
    })
  }

  #step<T>(next: Next<T>, value: T): void {
    if (this.done) return
    try {
      next.call(this, value)
    } catch (error) {
      this.fail(error)
    }
  }
}

const emptyQuery = Object.freeze(Object.create(null))

function paramsOf(names: readonly string[], values: readonly string[]): Record<string, string> {
  const params: Record<string, string> = {}
  for (let at = 0; at < names.length; at++) params[names[at]!] = values[at]!
  return params
}

function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
