import type { ServerResponse } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { MonoblocError } from '../errors.ts'
import { type Answer, type AnswerBody, onlyJson } from './answer.ts'
import { isOtherThanAsked, isUnchanged } from './conditional.ts'
import type { Exchange } from './exchange.ts'
import { jsonType, problemType } from './media-type.ts'
import { asMonoblocError, errorFields, type Problem, problemOf } from './problem.ts'
import { requestDone, requestFailed } from './request-log.ts'

/** Sends a finished answer: adds what every answer carries, and holds a safe request to its conditions. */
export function sendAnswer(exchange: Exchange, answer: Answer): void {
  const { app, request } = exchange
  const { status, body, headers } = answer
  if (!exchange.route?.safe || status !== 200) {
    const fields = answer.replayed ? [...headers, 'idempotency-replayed', 'true'] : headers.slice()
    write(exchange, status, fields, body)
  } else if (typeof body === 'string' && (headers === onlyJson || saysNothingOfCaching(headers)) && isPlain(exchange)) {
    sendPlain(exchange, headers, body, answer.tag ?? app.tags.tagOf(request.url!, body))
  } else sendConditional(exchange, answer)
}

function saysNothingOfCaching(headers: readonly string[]): boolean {
  return !headers.includes('etag') && !headers.includes('cache-control')
}

/** Nothing about the request asks for more than the answer itself. */
function isPlain({ app, request, trace }: Exchange): boolean {
  const { headers } = request
  return (
    headers['if-none-match'] === undefined && headers['if-match'] === undefined && trace === undefined && !app.draining
  )
}

/**
 * What `sendConditional` would do for most GETs, with its header in one list that need not grow: half a microsecond
 * less, where a whole read takes some ten.
 */
function sendPlain(exchange: Exchange, headers: readonly string[], body: string, tag: string): void {
  const { app, response } = exchange
  const bytes = Buffer.byteLength(body)
  response.writeHead(200, [
    ...headers,
    'etag',
    `"${tag}"`,
    'cache-control',
    app.cacheControl,
    'x-content-type-options',
    'nosniff',
    'x-request-id',
    exchange.id,
    'content-length',
    String(bytes),
  ])
  end(response, body, bytes)
  note(exchange, 200, bytes, undefined)
}

/** Text that is ASCII goes out as Latin-1, which Node writes without looking at each character. */
function end(response: ServerResponse, body: string, bytes: number): void {
  response.end(body, bytes === body.length ? 'latin1' : 'utf8')
}

function sendConditional(exchange: Exchange, { headers, body, tag: given }: Answer): void {
  const { app, request } = exchange
  const fields = headers.slice()
  let tag = given
  const own = fields.indexOf('etag')
  if (own >= 0) tag = fields[own + 1]!.replace(/^(?:W\/)?"(.*)"$/, '$1')
  else if (body !== null && !(body instanceof Readable)) tag ??= app.tags.tagOf(request.url!, body)
  if (tag !== null && own < 0) fields.push('etag', `"${tag}"`)
  if (!fields.includes('cache-control')) fields.push('cache-control', app.cacheControl)
  if (tag !== null && isUnchanged(request.headers, tag)) {
    if (body instanceof Readable) body.destroy()
    write(exchange, 304, withoutContentType(fields), null)
    return
  }
  if (isOtherThanAsked(request.headers, tag)) throw new MonoblocError('precondition_failed')
  write(exchange, 200, fields, body)
}

/** Sends an error as problem details, or as the app's own form of it. */
export function sendProblem(exchange: Exchange, thrown: unknown): void {
  const { app } = exchange
  const error = asMonoblocError(thrown)
  const problem = problemOf(error, exchange.id, app.expose)
  const fields = errorFields(error)
  const mapped = mappedForm(exchange, problem, thrown)
  const status = mapped?.status ?? problem.status
  for (const [name, value] of Object.entries(mapped?.headers ?? {})) fields.push(name.toLowerCase(), value)
  fields.push('content-type', mapped ? jsonType : problemType, 'cache-control', 'no-store')
  write(exchange, status, fields, JSON.stringify(mapped ? mapped.body : problem), error)
}

function mappedForm(exchange: Exchange, problem: Problem, thrown: unknown) {
  try {
    return exchange.app.errors?.(problem, thrown)
  } catch (cause) {
    exchange.app.log.error('The errors option of the backend threw', { request: exchange.id, error: cause })
    return undefined
  }
}

function write(exchange: Exchange, status: number, fields: string[], body: AnswerBody, error?: MonoblocError): void {
  const { app, request, response, trace } = exchange
  fields.push('x-content-type-options', 'nosniff', 'x-request-id', exchange.id)
  if (trace) fields.push('traceparent', trace.traceparent)
  if (app.draining) fields.push('connection', 'close')
  let bytes: number | null = 0
  if (body instanceof Readable) {
    bytes = null
    response.writeHead(status, fields)
    if (request.method === 'HEAD') {
      body.destroy()
      response.end()
    } else
      pipeline(body, response).catch((cause) =>
        app.log.warn('A streamed answer broke off', { request: exchange.id, error: cause }),
      )
  } else {
    if (body !== null) {
      bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength
      fields.push('content-length', String(bytes))
    }
    response.writeHead(status, fields)
    if (typeof body === 'string') end(response, body, bytes)
    else response.end(body ?? undefined)
  }
  note(exchange, status, bytes, error)
}

function note(exchange: Exchange, status: number, bytes: number | null, error: MonoblocError | undefined): void {
  const { app, request, route } = exchange
  const path = route?.path ?? null
  if (error && error.status >= 500 && app.diagnostics.on(requestFailed)) {
    app.diagnostics.emit(requestFailed, {
      request: exchange.id,
      method: request.method!,
      route: path,
      code: error.code,
      error,
    })
  }
  if (!app.diagnostics.on(requestDone)) return
  app.diagnostics.emit(requestDone, {
    request: exchange.id,
    method: request.method!,
    route: path,
    url: request.url!,
    status,
    duration: Math.round((performance.now() - exchange.startedAt) * 1000) / 1000,
    bytes: request.method === 'HEAD' ? 0 : bytes,
    address: request.socket.remoteAddress,
    ...(error && { code: error.code }),
    ...(exchange.trace && { trace: exchange.trace.id }),
  })
}

// A 304 has no content to describe (RFC 9110, 15.4.5).
function withoutContentType(fields: string[]): string[] {
  const at = fields.indexOf('content-type')
  if (at >= 0) fields.splice(at, 2)
  return fields
}
