import { type ErrorCode, errorTable, MonoblocError, type Violation } from '../errors.ts'

/** One violation as a problem document tells it. */
export interface ProblemViolation {
  /** Absent where it is not known which part of the request a wrong value came from. */
  in?: 'body' | 'query' | 'params' | 'headers'
  /** Where in the body: a JSON pointer (RFC 6901) as a URI fragment. */
  pointer?: string
  /** Which parameter or header field, for the others. */
  parameter?: string
  code: string
  detail: string
}

/** Problem details (RFC 9457). `code` is what programs should look at; it is also the end of `type`. */
export interface Problem {
  type: string
  title: string
  status: number
  code: ErrorCode
  /** What to do about it. */
  detail?: string
  /** The request's id, which the log carries too. */
  instance: string
  /** What it is about, usually a model: `article`. */
  subject?: string
  errors?: ProblemViolation[]
  /** In development only: what really happened. */
  debug?: { message: string; stack: string | undefined; cause?: string }
}

/**
 * An app's own form of errors: what to answer instead of the problem document, as JSON, or undefined to let it be. `error` is
 * what was thrown.
 */
export type ErrorMapper = (
  problem: Problem,
  error: unknown,
) => { status?: number; headers?: Record<string, string>; body: unknown } | undefined

/** The error to answer with: itself when it is one of ours, and `internal` with it as the cause when nobody meant it to leave. */
export function asMonoblocError(error: unknown): MonoblocError {
  if (error instanceof MonoblocError) return error
  const code = codeOfForeign(error)
  return new MonoblocError(code, { cause: error })
}

// What other software throws with a 4xx status means it to be answered with: body parsers, Fastify's plugins.
const foreignCodes: Record<number, ErrorCode> = {
  400: 'malformed_request',
  401: 'unauthenticated',
  403: 'forbidden',
  404: 'not_found',
  405: 'method_not_allowed',
  406: 'not_acceptable',
  408: 'request_timeout',
  409: 'conflict',
  412: 'precondition_failed',
  413: 'body_too_large',
  414: 'uri_too_long',
  415: 'unsupported_media_type',
  416: 'range_not_satisfiable',
  422: 'validation_failed',
  428: 'precondition_required',
  429: 'too_many_requests',
  431: 'headers_too_large',
  503: 'overloaded',
}

function codeOfForeign(error: unknown): ErrorCode {
  if (typeof error !== 'object' || error === null) return 'internal'
  const { statusCode, status } = error as { statusCode?: unknown; status?: unknown }
  const said = Number(statusCode ?? status)
  return foreignCodes[said] ?? (said >= 400 && said < 500 ? 'malformed_request' : 'internal')
}

// More than anyone corrects at once; a small request must not make a large answer.
const mostViolations = 100

/**
 * @param expose whether the private side may be seen: in development only
 * @param bodied whether the request has a body, from which the values that were refused may come
 */
export function problemOf(error: MonoblocError, instance: string, expose: boolean, bodied = true): Problem {
  const problem: Problem = {
    type: `urn:monobloc:error:${error.code}`,
    title: error.publicMessage,
    status: error.status,
    code: error.code,
    instance,
  }
  // What to do about our own faults is for whoever runs the server, and stays in the log.
  if (error.status !== 500) problem.detail = errorTable[error.code].remedy
  if (error.subject !== undefined && error.status !== 500) problem.subject = error.subject
  if (error.violations.length && error.status !== 500)
    problem.errors = error.violations.slice(0, mostViolations).map((violation) => violationOf(violation, bodied))
  if (expose && error.status >= 500) {
    const cause =
      error.cause instanceof Error
        ? (error.cause.stack ?? error.cause.message)
        : error.cause === undefined
          ? undefined
          : String(error.cause)
    problem.debug = { message: error.message, stack: error.stack, ...(cause === undefined ? {} : { cause }) }
  }
  return problem
}

function violationOf({ path, code, message }: Violation, bodied: boolean): ProblemViolation {
  const [place, ...rest] = path
  if (place === 'query' || place === 'params' || place === 'headers') {
    return { in: place, ...(rest.length ? { parameter: rest.join('.') } : {}), code, detail: message }
  }
  if (place !== 'body' && !bodied) return { code, detail: `${path.join('.')} ${message}`.trim() }
  return { in: 'body', pointer: pointerTo(place === 'body' ? rest : path), code, detail: message }
}

function pointerTo(path: readonly (string | number)[]): string {
  return `#${path.map((part) => `/${encodeURIComponent(String(part).toWellFormed().replaceAll('~', '~0').replaceAll('/', '~1'))}`).join('')}`
}

/** The header fields that an error's answer needs besides its body. */
export function errorFields(error: MonoblocError): string[] {
  const fields: string[] = []
  for (const [name, value] of Object.entries(error.headers)) fields.push(name.toLowerCase(), value)
  const lacks = (name: string) => !fields.includes(name)
  if (error.status === 401 && lacks('www-authenticate')) {
    fields.push('www-authenticate', error.code === 'invalid_token' ? 'Bearer error="invalid_token"' : 'Bearer')
  }
  // One second: long enough to spread what is shed, short enough for a client that waits.
  if (error.status === 503 && lacks('retry-after')) fields.push('retry-after', '1')
  return fields
}
