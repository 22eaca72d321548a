import type { MonoblocError } from '../errors.ts'
import { cleanUrl, diagnostic, type LogLevel } from '../observe/index.ts'

/** One request that has been answered. Header fields are not in it, so that no secret of theirs can be. */
export interface RequestDone {
  /** The request's id. */
  request: string
  method: string
  /** The declared path, such as `/articles/:slug`; null when no route was found. */
  route: string | null
  url: string
  status: number
  /** Milliseconds from the header of the request to the answer. */
  duration: number
  /** Bytes of the answer's body; null for a stream. */
  bytes: number | null
  address: string | undefined
  /** The code of a problem. */
  code?: string
  trace?: string
}

export const requestDone = diagnostic<RequestDone>('http.request', 'info', ({ method, url, status, duration }) => {
  return `${method} ${cleanUrl(url)} ${status} ${duration.toFixed(1)} ms`
})

/** An answer with a status of 500 or more, and what led to it. */
export interface RequestFailed {
  request: string
  method: string
  route: string | null
  code: string
  error: MonoblocError
}

export const requestFailed = diagnostic<RequestFailed>('http.failed', failedLevel, ({ method, route, error }) => {
  const reason = error.cause instanceof Error ? error.cause.message : error.message
  return `${method} ${route ?? '(no route)'} failed: ${reason}`
})

// Shedding load is what an overloaded server should do: worth a line, not an alarm for each request.
function failedLevel({ error }: RequestFailed): LogLevel {
  return error.status === 503 ? 'warn' : 'error'
}

/** A connection whose request could not be read, answered without becoming a request. */
export interface RequestUnread {
  code: string
  reason: string
  address: string | undefined
}

export const requestUnread = diagnostic<RequestUnread>(
  'http.unread',
  'info',
  ({ reason }) => `A request could not be read: ${reason}`,
)
