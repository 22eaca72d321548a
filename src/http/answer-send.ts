// The global is an accessor: here it would be half as dear again as what it gives.
import { Buffer } from 'node:buffer'
import type { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import type { MonoblocError } from '../errors.ts'
import { type Answer, type AnswerBody, saysNothingOfCaching } from './answer.ts'
import { discardBody, SizedBody } from './answer-body.ts'
import { selectRepresentation } from './answer-conditional.ts'
import { encodedStream, isStreamed, sayEncoded } from './answer-encoded.ts'
import { fieldOf } from './answer-fields.ts'
import { fieldsText, headOf, isUntouched, sendText } from './answer-head.ts'
import { chooseEncoding } from './compression.ts'
import type { Encoding } from './encoding.ts'
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
  } else if (typeof body === 'string' && saysNothingOfCaching(headers) && isPlain(exchange)) {
    sendPlain(exchange, answer, body, answer.tag ?? app.tags.tagOf(request.url!, body))
  } else sendSelected(exchange, answer)
}

function sendSelected(exchange: Exchange, answer: Answer): void {
  const { status, fields, body } = selectRepresentation(exchange, answer)
  write(exchange, status, fields, body)
}

/** Nobody else has a hand in the header, and the connection goes on. */
function isOurs({ app, response }: Exchange): boolean {
  return app.plain && isUntouched(response)
}

/** Nothing about the request asks for more than the answer itself. */
function isPlain(exchange: Exchange): boolean {
  const { headers } = exchange.request
  return (
    headers['if-none-match'] === undefined &&
    headers['if-match'] === undefined &&
    headers['if-modified-since'] === undefined &&
    headers['if-unmodified-since'] === undefined &&
    exchange.trace === undefined &&
    isOurs(exchange)
  )
}

/** What `sendSelected` would do for most GETs, in one write of one text. */
function sendPlain(exchange: Exchange, answer: Answer, body: string, tag: string): void {
  const { app, request, response } = exchange
  const bytes = Buffer.byteLength(body)
  if (bytes >= app.compressFrom && request.headers['accept-encoding'] !== undefined) {
    sendSelected(exchange, answer)
    return
  }
  sendText(response, 200, exchange.id, headOf(app, answer, tag, bytes), body, encodingOf(body, bytes))
  note(exchange, 200, bytes, undefined)
}

/** Text that is ASCII goes out as Latin-1, which Node writes without looking at each character. */
function encodingOf(body: string, bytes: number): 'latin1' | 'utf8' {
  return bytes === body.length ? 'latin1' : 'utf8'
}

/** Sends an error as problem details, or as the app's own form of it. Never throws: nobody is left to catch it. */
export function sendProblem(exchange: Exchange, thrown: unknown): void {
  try {
    writeProblem(exchange, thrown)
  } catch (cause) {
    exchange.app.log.error('An error could not be sent', { request: exchange.id, error: cause })
    const { response } = exchange
    if (response.headersSent) response.destroy()
    else response.writeHead(500, ['x-request-id', exchange.id, 'content-length', '0']).end()
  }
}

function writeProblem(exchange: Exchange, thrown: unknown): void {
  const { app } = exchange
  const error = asMonoblocError(thrown)
  const problem = problemOf(error, exchange.id, app.expose, exchange.route?.bodySchema !== undefined)
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
  const { app, trace, response } = exchange
  if (isStreamed(body)) {
    // It has told of its end already: nobody would let go of the body any more.
    if (response.destroyed) {
      discardBody(body)
      note(exchange, status, null, error)
      return
    }
    app.streams.add(exchange, body)
  }
  app.fields.addTo(fields)
  app.cors?.addTo(fields, exchange)
  if (trace) fields.push('traceparent', trace.traceparent)
  if (app.draining) fields.push('connection', 'close')
  const encoding = body === null ? undefined : chooseEncoding(exchange, status, fields, body)
  // What an error says in its header nobody has looked at.
  if (typeof body === 'string' && !encoding && !error && !bodiless.has(status) && isOurs(exchange)) {
    const bytes = Buffer.byteLength(body)
    const head = `${fieldsText(fields)}\r\ncontent-length: ${bytes}\r\n\r\n`
    sendText(response, status, exchange.id, head, body, encodingOf(body, bytes))
    note(exchange, status, bytes, undefined)
    return
  }
  fields.push('x-request-id', exchange.id)
  if (encoding) writeEncoded(exchange, status, fields, body!, encoding)
  else if (isStreamed(body)) writeStream(exchange, status, fields, body)
  else {
    const bytes = body === null ? 0 : typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength
    if (body !== null) fields.push('content-length', String(bytes))
    exchange.writeHead(status, fields)
    if (typeof body === 'string') response.end(body, encodingOf(body, bytes))
    else response.end(body ?? undefined)
    note(exchange, status, bytes, error)
  }
}

/** Of these nothing is sent behind the head, whatever there is (RFC 9110, 6.4.1), which Node sees to. */
const bodiless = new Set([204, 304])

function writeStream(exchange: Exchange, status: number, fields: string[], body: Readable | SizedBody): void {
  const sized = body instanceof SizedBody
  if (sized) fields.push('content-length', String(body.size))
  const length = fieldOf(fields, 'content-length')
  exchange.writeHead(status, fields)
  if (exchange.request.method === 'HEAD' || length === '0') {
    discardBody(body)
    exchange.response.end()
  } else pump(exchange, [sized ? body.read(0, body.size - 1) : body])
  note(exchange, status, length === undefined ? null : Number(length), undefined)
}

function writeEncoded(
  exchange: Exchange,
  status: number,
  fields: string[],
  body: Exclude<AnswerBody, null>,
  encoding: Encoding,
): void {
  const { request, response, app } = exchange
  sayEncoded(fields, encoding)
  if (request.method === 'HEAD' || isStreamed(body)) {
    exchange.writeHead(status, fields)
    if (request.method === 'HEAD') {
      discardBody(body)
      response.end()
    } else pump(exchange, encodedStream(body as Readable | SizedBody, encoding))
    note(exchange, status, null, undefined)
    return
  }
  app.encoder.encode(request.url!, body, encoding, (failure, bytes) => {
    if (failure) {
      exchange.fail(failure)
      return
    }
    fields.push('content-length', String(bytes.byteLength))
    exchange.writeHead(status, fields)
    response.end(bytes)
    note(exchange, status, bytes.byteLength, undefined)
  })
}

function pump({ app, id, response }: Exchange, streams: readonly (Readable | NodeJS.ReadWriteStream)[]): void {
  pipeline([...streams, response] as never).catch((cause) => {
    // A pipeline that could not begin has left them as they were.
    discardBody(streams[0])
    // That a client has gone is no fault of anybody's.
    if (cause.code !== 'ERR_STREAM_PREMATURE_CLOSE')
      app.log.warn('A streamed answer broke off', { request: id, error: cause })
  })
}

export function note(exchange: Exchange, status: number, bytes: number | null, error: MonoblocError | undefined): void {
  const { app, request, route } = exchange
  if (error) noteFailure(exchange, error)
  if (!app.diagnostics.on(requestDone)) return
  app.diagnostics.emit(requestDone, {
    request: exchange.id,
    method: request.method!,
    route: route?.path ?? null,
    url: exchange.target,
    status,
    duration: Math.round((performance.now() - exchange.startedAt) * 1000) / 1000,
    bytes: request.method === 'HEAD' ? 0 : bytes,
    address: request.socket.remoteAddress,
    ...(error && { code: error.code }),
    ...(exchange.trace && { trace: exchange.trace.id }),
  })
}

export function noteFailure({ app, id, request, route }: Exchange, error: MonoblocError): void {
  if (error.status < 500 || !app.diagnostics.on(requestFailed)) return
  const { method } = request
  app.diagnostics.emit(requestFailed, {
    request: id,
    method: method!,
    route: route?.path ?? null,
    code: error.code,
    error,
  })
}
