import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http'
import { brotliDecompressSync, gunzipSync, inflateSync } from 'node:zlib'
import { MonoblocError } from '../errors.ts'
import type { Answer } from './answer.ts'
import { discardBody } from './answer-body.ts'
import { note, noteFailure } from './answer-send.ts'
import type { HttpApp } from './app.ts'
import { BodyTap } from './body-tap.ts'
import type { Endpoint } from './endpoint.ts'
import { Exchange, paramsOf, type Received } from './exchange.ts'
import type { Leaving } from './hooks.ts'
import type { Chain, Done } from './middleware-chain.ts'
import { canonicalTarget, type MountedRequest, runUnversioned } from './middleware-path.ts'
import { asMonoblocError } from './problem.ts'
import { ReplyState } from './reply.ts'
import { bodyTooLarge, hasBody } from './request-body.ts'
import { checkHead, checkHostGiven } from './request-head.ts'
import { saveRequest } from './request-state.ts'
import { pathOf } from './request-target.ts'
import { ResponseFields } from './response-fields.ts'
import type { Route } from './route.ts'

interface ParsedRequest extends MountedRequest {
  body?: unknown
  params?: unknown
}

/**
 * The exchange of an app that has no middleware, hooks or mounted apps is the plain one; of others it is the one below.
 *
 * @param next of a server around us, in whose hands the request has been; null: it has none
 */
export function exchangeFor(
  app: HttpApp,
  request: IncomingMessage,
  response: ServerResponse,
  next?: Done | null,
): Exchange {
  if (!app.stack && next === undefined) return new Exchange(app, request, response)
  // Whoever had the response before us may have put something around it.
  app.plain = false
  return new ExchangeThrough(app, request, response, next ?? undefined)
}

/**
 * One request that passes through middleware:
 *
 *   limits of the header → the app's middleware → a route is found → the middleware of its groups and its own →
 *   identity → … as any exchange
 *
 * and where no route is found: mounted apps → the server around us, by `next` → the problem. Whoever answers on the way
 * ends it, and nothing of ours is added to the answer.
 *
 * An error goes to the error middleware of what the request has passed, from the inside out, before it becomes a problem.
 */
export class ExchangeThrough extends Exchange {
  declare readonly request: ParsedRequest
  readonly #next: Done | undefined
  /** Makes the request again what it was before the app's own middleware, but for what that has added. */
  readonly #restore: (() => void) | undefined
  /** Whose error middleware is asked: what has let the request through. */
  readonly #passed: Chain[] = []
  readonly #fields: ResponseFields
  #tap: BodyTap | undefined
  /** Middleware has made `req.body` of the body. */
  #parsed = false
  /** The bytes that it made it of are here. */
  #raw = false
  #unrouted = false
  #patience: NodeJS.Timeout | undefined
  #addressed: Endpoint['addressed']
  #failure: MonoblocError | undefined
  /** It is logged as ours, or is another server's to log. */
  #noted = false

  constructor(app: HttpApp, request: IncomingMessage, response: ServerResponse, next: Done | undefined) {
    super(app, request, response)
    this.#next = next
    this.#fields = new ResponseFields((request as MountedRequest).baseUrl ?? '')
    if (next || app.stack?.first) this.#restore = saveRequest(request, response)
    response.once('close', () => {
      if (this.#noted) return
      if (this.#failure) noteFailure(this, this.#failure)
      note(this, response.statusCode, null, undefined)
    })
  }

  /** Middleware may answer each request otherwise. */
  protected override get mayBeKept(): boolean {
    return false
  }

  override get target(): string {
    return this.request.originalUrl ?? this.request.url!
  }

  override start(): void {
    this.#try(() => {
      this.checkHead()
      this.#write()
      this.#tap = this.#tapBody()
      const first = this.app.stack?.first
      if (first) this.#run([first], () => this.#begin())
      else this.#begin()
    })
  }

  /** What a mounted app takes is for it to limit. */
  override checkHead(): void {
    if (this.#isMounted()) checkHostGiven(this.request)
    else checkHead(this.request, this.app.limits)
  }

  override routed(): void {
    if (this.#isMounted()) checkHead(this.request, this.app.limits)
    const route = this.route!
    const chains = this.app.stack?.chainsOf(route.endpoint) ?? []
    this.#run(chains, () => super.routed(), route)
  }

  override unrouted(path: string): void {
    const described = this.request.method === 'OPTIONS' && this.app.allowed(path).length > 0
    if (described || !this.#isMounted()) {
      this.#leave(path, described)
      return
    }
    this.#restore?.()
    this.app.stack!.mounts.answer(this.request, this.response, (error) => {
      if (error) this.fail(error)
      else this.#try(() => this.#leave(path, false))
    })
  }

  override receive(route: Route, done: Received): void {
    const { request } = this
    if (!wasRead(request) || request.body === undefined) {
      super.receive(route, done)
      return
    }
    this.#parsed = true
    const written = () => Buffer.from(JSON.stringify(request.body) ?? 'null')
    if (!this.#tap) done(null, written())
    else
      this.#tap.whole((error, bytes) => {
        this.#raw = !error && bytes.length > 0
        done(null, this.#raw ? bytes : written())
      })
  }

  override read(route: Route, done: Received): void {
    const { request } = this
    if (this.#tap && (wasRead(request) || request.readableFlowing)) this.#tap.whole(done)
    else if (wasRead(request)) {
      const detail = `${route.label}: what is in front of it has read the body and left no req.body.`
      throw new MonoblocError('internal', { detail })
    } else super.read(route, done)
  }

  override parse(bytes: Buffer): unknown {
    if (!this.#parsed) return super.parse(bytes)
    if (this.route!.raw) return this.#bytesOf(bytes)
    // A parser that middleware brings takes what ours refuses: a key that stands there twice, a number that is lost.
    if (this.#raw) checkAsRead(this.request.headers, bytes, this.route!.bodyLimit, (plain) => super.parse(plain))
    return this.request.body
  }

  /** What a handler is given that wants the bytes, where middleware has read them. */
  #bytesOf(bytes: Buffer): Buffer {
    if (this.#raw) return bytes
    const { body } = this.request
    if (Buffer.isBuffer(body)) return body
    throw new MonoblocError('internal', {
      detail: `${this.route!.label}: what is in front of it has read the body, and its bytes are gone.`,
    })
  }

  override answer(answer: Answer): void {
    this.done = true
    // Middleware that answers and goes on has answered.
    if (this.response.headersSent) {
      discardBody(answer.body)
      return
    }
    this.#fields.said = answer.headers
    this.#finish(answer.status, undefined, () => super.answer(answer))
  }

  override fail(error: unknown): void {
    if (this.#failure || this.response.headersSent) {
      super.fail(error)
      return
    }
    this.#failure = asMonoblocError(error)
    if (!this.done) this.takeBack()
    this.done = true
    this.#offer(error, this.#unrouted ? 0 : this.#passed.length)
  }

  override writeHead(status: number, fields: string[]): void {
    this.#noted = true
    this.#fields.write(this.response, status, fields)
  }

  /** The rest of the way, once the app's middleware has let the request through. */
  #begin(): void {
    this.#write()
    const path = pathOf(this.request.url!)
    // Ours to refuse, unless it is someone else's to understand.
    if ((this.#next || this.#isMounted()) && !isDecodable(path)) this.unrouted(path)
    else super.start()
  }

  /** Writes the target as routes are written, where one of ours is meant. */
  #write(): void {
    const { request, app } = this
    const path = pathOf(request.url!)
    if (!app.stack || !isDecodable(path)) return
    // Middleware may make another method of it.
    const route = app.find(request.method!, path) ?? app.find(app.tree.methodsOf(path)[0] ?? '', path)
    this.#addressed = route?.endpoint.addressed
    if (!route) return
    const written = canonicalTarget(request.url!)
    if (written === request.url) return
    request.originalUrl ??= request.url
    request.url = written
  }

  #isMounted(): boolean {
    return this.app.stack?.mounts.has(this.request.url!) ?? false
  }

  #tapBody(): BodyTap | undefined {
    const { app, request } = this
    const path = pathOf(request.url!)
    if (!app.stack || !hasBody(request) || !isDecodable(path)) return undefined
    const route = app.find(request.method!, path)
    // Forms go to disk as they come: what is kept here is kept in memory.
    return route && !route.form && (route.bodySchema || route.idempotent)
      ? BodyTap.on(request, route.bodyLimit)
      : undefined
  }

  /** @param route whose parameters the middleware finds in `req.params` */
  #run(chains: readonly Chain[], then: () => void, route?: Route): void {
    let at = 0
    const next = (): void => {
      const chain = chains[at++]
      clearTimeout(this.#patience)
      if (!chain) {
        this.#try(then)
        return
      }
      if (route) this.request.params = paramsOf(route.names, this.values)
      let passed = false
      const done: Done = (error) => {
        if (error) this.fail(error)
        else if (!passed) {
          passed = true
          this.#passed.push(chain)
          next()
        }
      }
      this.#try(() => this.#asWritten(done, (goOn) => chain.run(this.request, this.response, goOn)))
      if (!passed && !this.done) {
        this.#await(() => {
          passed = true
          const detail = `Middleware of ${route?.label ?? 'the app'} has neither answered nor called next().`
          this.fail(new MonoblocError('deadline_exceeded', { detail }))
        })
      }
    }
    next()
  }

  /** Gives middleware up that has not gone on until the deadline, which begins when the request is there. */
  #await(giveUp: () => void): void {
    const { request, response, app } = this
    const path = pathOf(request.url!)
    const route = this.route ?? (isDecodable(path) ? app.find(request.method!, path) : undefined)
    const wait = () => {
      this.#patience = setTimeout(() => {
        // What it reads comes by the clock of the client, and what it writes by its own.
        if (response.headersSent || response.writableEnded || response.destroyed) return
        if (request.complete) giveUp()
        else wait()
      }, route?.deadline ?? app.limits.deadline)
    }
    if (!this.#patience) response.once('close', () => clearTimeout(this.#patience))
    wait()
  }

  /** Runs middleware by the paths for which it was written, whatever version stands before them. */
  #asWritten(done: Done, run: (done: Done) => void): void {
    if (!this.#addressed) {
      run(done)
      return
    }
    runUnversioned(this.request, this.#addressed, (leave) =>
      run((error) => {
        leave()
        done(error)
      }),
    )
  }

  #leave(path: string, described: boolean): void {
    if (!this.#next || described) {
      this.#unrouted = true
      super.unrouted(path)
      return
    }
    this.#noted = true
    this.done = true
    this.#restore!()
    this.#next()
  }

  #offer(error: unknown, at: number): void {
    const chain = this.#passed[at - 1]
    if (chain) {
      let passed = false
      const done: Done = (later) => {
        if (passed) return
        passed = true
        clearTimeout(this.#patience)
        this.#offer(later ?? error, at - 1)
      }
      this.#asWritten(done, (goOn) => chain.fail(error, this.request, this.response, goOn))
      if (!passed) this.#await(() => done())
    } else if (!this.response.headersSent) {
      const failure = asMonoblocError(error)
      this.#failure = failure
      this.#fields.said = undefined
      this.#finish(failure.status, failure, () => super.fail(error))
    } else super.fail(error)
  }

  /** Runs the hooks that follow an answer, and then sends it. */
  #finish(status: number, error: MonoblocError | undefined, send: () => void): void {
    const hooks = this.route?.after ?? []
    if (hooks.length === 0 || this.#fields.last) {
      send()
      return
    }
    const state = new ReplyState()
    this.#fields.last = state
    const leaving: Leaving = { status, error, header: (name, value) => void state.header(name, value) }
    const context = new this.app.Context(this, undefined, this.user)
    const all = async (): Promise<void> => {
      for (const hook of hooks) await hook(context as never, leaving)
    }
    all()
      .catch((cause) => this.app.log.error('An after hook threw', { request: this.id, error: cause }))
      .then(() => this.#try(send))
  }

  #try(work: () => void): void {
    try {
      work()
    } catch (error) {
      this.fail(error)
    }
  }
}

type Decode = (bytes: Buffer, options: { maxOutputLength: number }) => Buffer

const decoders: Record<string, Decode> = {
  gzip: gunzipSync,
  deflate: inflateSync,
  br: brotliDecompressSync,
}

/** Holds JSON that middleware has parsed to what ours takes. @throws MonoblocError `malformed_json`, `body_too_large` */
function checkAsRead(
  { 'content-type': type = '', 'content-encoding': encoding = 'identity' }: IncomingHttpHeaders,
  bytes: Buffer,
  most: number,
  parse: (plain: Buffer) => unknown,
): void {
  if (!/^application\/(?:[\w.-]+\+)?json\s*(?:;|$)/i.test(type)) return
  const decode = decoders[encoding.toLowerCase()]
  if (decode || encoding.toLowerCase() === 'identity') parse(decode ? unpacked(decode, bytes, most) : bytes)
}

function unpacked(decode: Decode, bytes: Buffer, most: number): Buffer {
  try {
    return decode(bytes, { maxOutputLength: most })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') throw bodyTooLarge(most)
    throw new MonoblocError('malformed_json', { cause })
  }
}

function wasRead(request: IncomingMessage): boolean {
  return request.readableDidRead || request.readableEnded
}

function isDecodable(path: string): boolean {
  if (!path.includes('%')) return true
  try {
    decodeURIComponent(path)
    return true
  } catch {
    return false
  }
}
