import { hash } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
// The global is an accessor, which takes longer than the clock itself.
import { performance } from 'node:perf_hooks'
import { ScopedDb } from '../commit/index.ts'
import { MonoblocError } from '../errors.ts'
import { isRequestId, type Logger, newTraceId, nextRequestId } from '../observe/index.ts'
import type { Answer } from './answer.ts'
import { discardBody } from './answer-body.ts'
import type { Making } from './answer-cache.ts'
import { sendAnswer, sendProblem } from './answer-send.ts'
import type { HttpApp } from './app.ts'
import { HandlerContext } from './context.ts'
import type { RequestFacts } from './endpoint-types.ts'
import type { FormBody } from './form.ts'
import { FormRead } from './form-read.ts'
import type { MaybePromise, Unit, UnitScope } from './host.ts'
import { checkIdempotencyKey } from './idempotency.ts'
import { parseStrictJson } from './json-strict.ts'
import { checkMediaType } from './media-type.ts'
import { hasBody, readBody } from './request-body.ts'
import { checkHead } from './request-head.ts'
import { checkInput, type RequestInput } from './request-input.ts'
import { parseQuery, pathOf, queryTextOf } from './request-target.ts'
import type { Route } from './route.ts'
import { continueTrace, type Trace } from './trace.ts'

/** Takes a whole body, or why there is none. */
export type Received = (error: MonoblocError | null, body: Buffer) => void

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
  /** Of the path's parameters, in order. */
  readonly values: string[] = []
  readonly trace: Trace | undefined
  /** Of a request that may write and came without a trace: one that begins with it. */
  #newTrace: string | null = null
  /** Something has been waited for since `startedAt`. */
  #waited = false
  /** Of what is kept, from before anything was read. */
  readonly mark: number
  /** The answer is to be kept. */
  making: Making | undefined
  #arriving: boolean
  #abort: AbortController | undefined
  #form: FormRead | undefined
  #timer: NodeJS.Timeout | undefined

  /** @param arriving called by Node's parser itself, with nothing between: the request's bytes have just been read */
  constructor(app: HttpApp, request: IncomingMessage, response: ServerResponse, arriving = false) {
    this.app = app
    this.request = request
    this.response = response
    this.#arriving = arriving
    this.mark = app.kept === undefined ? 0 : app.kept.mark
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
    this.#arriving = false
  }

  /** Its bytes have just been read, and nothing was waited for since. */
  get isArriving(): boolean {
    // A pipelined request that waits for its turn to answer may have been sent later than what was read before it.
    return this.#arriving && this.response.socket !== null
  }

  /** Whether its answer may be one that is kept. */
  protected get mayBeKept(): boolean {
    return true
  }

  /** The handler looks at more of the request than its input. */
  looked(): void {
    this.making?.recording.spoil('it looks at the header of the request')
  }

  /** Goes on with `next` when a promise resolves. */
  later(promise: Promise<unknown>, next: () => void): void {
    this.#when(promise, next)
  }

  /** The request target as it came. */
  get target(): string {
    return this.request.url!
  }

  get facts(): RequestFacts {
    const { method, socket } = this.request
    return {
      id: this.id,
      method: method!,
      url: this.target,
      address: socket.remoteAddress ?? '',
      trace: this.trace?.traceparent ?? null,
    }
  }

  get log(): Logger {
    const trace = this.trace?.id ?? this.#newTrace
    return this.app.log.child({ request: this.id, ...(trace && { trace }) })
  }

  /** Made when it is asked for: most requests end before anyone could use it. */
  get signal(): AbortSignal {
    if (!this.#abort) {
      const { response } = this
      const abort = (this.#abort = new AbortController())
      const closed = () => {
        if (!response.writableFinished)
          abort.abort(new MonoblocError('request_timeout', { detail: 'The client has gone.' }))
      }
      if (response.destroyed) closed()
      else response.once('close', closed)
    }
    return this.#abort.signal
  }

  abort(reason: MonoblocError): void {
    this.#abort?.abort(reason)
  }

  #begin(): void {
    const { request, app } = this
    this.checkHead()
    const path = pathOf(request.url!)
    const method = request.method!
    const found =
      app.tree.find(method, path, this.values) ??
      (method === 'HEAD' ? app.tree.find('GET', path, this.values) : undefined)
    if (!found) {
      this.unrouted(path)
      return
    }
    this.route = found.value
    this.routed()
  }

  checkHead(): void {
    checkHead(this.request, this.app.limits)
  }

  routed(): void {
    const { host } = this.app
    if (host.identify) this.#when(host.identify(this.request.headers, this.request), this.#identified)
    else this.#identified(null)
  }

  unrouted(path: string): void {
    this.app.unrouted(this, path)
  }

  #identified(user: unknown): void {
    const { request, app } = this
    const route = this.route!
    this.user = user
    if (user === null && !route.anyone && app.host.identify) throw new MonoblocError('unauthenticated')
    const accept = request.headers.accept
    if (accept !== undefined && accept !== '*/*' && route.returns.shapes && !route.returns.isAccepted(accept))
      throw new MonoblocError('not_acceptable')
    const keyed = route.idempotent && request.headers['idempotency-key'] !== undefined
    if ((route.bodySchema || keyed) && hasBody(request)) {
      this.#waited = true
      this.receive(route, (error, bytes) => this.#step(this.#received, error ?? bytes))
      return
    }
    if (route.cache !== undefined && app.kept !== undefined && this.mayBeKept)
      app.kept.take(this, () => this.#validate())
    else this.#validate()
  }

  /** Reads the body, and calls `done` once. */
  receive(route: Route, done: Received): void {
    const { 'content-type': type, 'content-encoding': encoding } = this.request.headers
    if (route.bodySchema) checkMediaType(route.method, type, encoding, route.accepts)
    this.read(route, done)
  }

  read(route: Route, done: Received): void {
    if (route.form) this.#readForm(route.form, route, done)
    else readBody(this.request, route.bodyLimit, done)
  }

  #readForm(form: FormBody, route: Route, done: Received): void {
    const { request, response, app } = this
    const digested = route.idempotent && request.headers['idempotency-key'] !== undefined
    this.#form = new FormRead({
      form,
      limit: route.bodyLimit,
      limits: app.limits,
      folder: app.uploads,
      type: request.headers['content-type']!,
      request,
      response,
      digested,
    })
    this.#form.start(done)
    // Its boundary is another one each time, and no part of what is sent.
    request.headers['content-type'] = route.accepts[0]
  }

  /** What the bytes of a body say. */
  parse(bytes: Buffer): unknown {
    if (this.#form) return this.#form.values
    if (this.route!.raw) return bytes
    return parseStrictJson(bytes, this.app.limits.jsonDepth)
  }

  /** @param fields names and values in turn */
  writeHead(status: number, fields: string[]): void {
    this.response.writeHead(status, fields)
  }

  #received(bytes: Buffer | MonoblocError): void {
    if (bytes instanceof MonoblocError) throw bytes
    this.#bytes = bytes
    if (this.route!.bodySchema && bytes.length) this.body = this.parse(bytes)
    this.#validate()
  }

  #validate(): void {
    const route = this.route!
    this.params = route.names.length ? paramsOf(route.names, this.values) : {}
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
    const work = ({ db }: UnitScope) =>
      ScopedDb.whole(db, () => prepare(new this.app.Context(this, db, this.user) as never))
    this.#limited(this.app.host.prepare(this.#unit(), work), this.#prepared)
  }

  #prepared(prepared: unknown): void {
    this.prepared = prepared
    this.#run()
  }

  #run(): void {
    const unit = this.#unit()
    const running = this.app.host.run(unit, (scope) => this.#work(scope))
    if (this.#form && isPromise(running)) this.#form.unit = running
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

  #answerOf(value: unknown, context: HandlerContext): MaybePromise<Answer> {
    if (this.#form && this.route!.mode === false) this.#form.isNamed = true
    const effects = ScopedDb.finish(context.db)
    return effects ? effects.then(() => this.#made(value, context)) : this.#made(value, context)
  }

  #made(value: unknown, context: HandlerContext): Answer {
    const answer = this.route!.returns.answer(value, HandlerContext.replyOf(context))
    // Part of what is recorded for an Idempotency-Key; of a safe request it depends on what is sent, and is added then.
    if (answer.tag === null || this.route!.safe) return answer
    return { ...answer, headers: [...answer.headers, 'etag', `"${answer.tag}"`], tag: null }
  }

  answer(answer: Answer): void {
    this.done = true
    if (this.#timer) clearTimeout(this.#timer)
    if (answer.replayed) this.takeBack()
    if (this.making !== undefined) this.app.kept!.made(this, answer)
    sendAnswer(this, answer)
  }

  /** Removes the files that the request has kept, once it is known that nothing that was committed names them. */
  takeBack(): void {
    this.#form?.takeBack()
  }

  /** Answers with a problem; once an answer has begun, ends what can't be finished. */
  fail(error: unknown): void {
    clearTimeout(this.#timer)
    if (this.making !== undefined) this.app.kept!.made(this, null)
    if (!this.done) this.takeBack()
    this.done = true
    if (!this.response.headersSent) sendProblem(this, error)
    else if (!this.response.writableEnded) this.response.destroy()
  }

  #unit(): Unit {
    const route = this.route!
    const deadline = this.#waited ? this.#rest() : route.deadline
    if (deadline <= 0) throw new MonoblocError('deadline_exceeded')
    return {
      mode: route.mode,
      user: this.user,
      deadline,
      label: route.label,
      arriving: this.isArriving,
      recorder: this.making?.recording,
      cause: this.id,
      trace: this.trace?.id ?? (route.mode === 'read' ? null : (this.#newTrace ??= newTraceId())),
      idempotency: this.#claim(),
    }
  }

  /** Milliseconds until the deadline. A form with files has a clock of its own while it arrives. */
  #rest(): number {
    return this.route!.deadline - (performance.now() - this.startedAt) + (this.#form?.took ?? 0)
  }

  #claim(): Unit['idempotency'] {
    const route = this.route!
    const key = route.idempotent ? this.request.headers['idempotency-key'] : undefined
    if (key === undefined) return null
    const head = Buffer.from(
      `${route.method}\0${this.request.url}\0${this.request.headers['content-type'] ?? ''}\0${this.app.edition}`,
    )
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
      this.#timer = setTimeout(() => {
        const error = new MonoblocError('deadline_exceeded')
        this.abort(error)
        this.fail(error)
      }, this.#rest())
    }
    this.#when(value, function (result) {
      clearTimeout(this.#timer)
      next.call(this, result)
    })
  }

  #step<T>(next: Next<T>, value: T): void {
    if (this.done) {
      // What came too late is not sent, and holds a file or a source that somebody has to let go.
      discardBody((value as Partial<Answer> | null | undefined)?.body)
      return
    }
    try {
      next.call(this, value)
    } catch (error) {
      this.fail(error)
    }
  }
}

const emptyQuery = Object.freeze(Object.create(null))

export function paramsOf(names: readonly string[], values: readonly string[]): Record<string, string> {
  const params: Record<string, string> = {}
  for (let at = 0; at < names.length; at++) params[names[at]!] = values[at]!
  return params
}

function isPromise<T>(value: MaybePromise<T>): value is Promise<T> {
  return typeof value === 'object' && value !== null && typeof (value as { then?: unknown }).then === 'function'
}
