import { MonoblocError } from '../errors.ts'
import type { Logger } from '../observe/index.ts'

/** Which pages of other origins may use what is served (CORS, in the Fetch standard). */
export interface CorsOptions {
  /**
   * Origins as browsers send them: scheme, host, and the port where it is not the usual one, such as
   * `https://app.example` or `http://localhost:5173`. Compared whole. `'*'`: any page, without credentials. A function is
   * asked about each origin, and is for what a list can't hold, such as a customer's subdomains. `null`, which sandboxed
   * frames and local files send, is refused unless a list names `'null'`.
   */
  origins: '*' | readonly string[] | ((origin: string) => boolean)
  /** Whether pages may let the browser send cookies, and read what comes back. Never with `'*'`. Default: no. */
  credentials?: boolean
  /** Request header fields that pages may set, beside those that are read here anyway, such as `If-Match`. */
  headers?: readonly string[]
  /** Answer header fields that pages may read, beside those that come from here, such as `ETag`. */
  exposed?: readonly string[]
  /** Seconds that a browser may keep the answer to a preflight. Default 600. Browsers cap it at 7,200 or 86,400. */
  maxAge?: number
}

/** What one route says otherwise than its app. `false`: its answers are for pages of its own origin alone. */
export type RouteCors = Partial<CorsOptions> | false

// What requests may carry for Monobloc itself, beside what any page may send unasked.
const read = [
  'Authorization',
  'Content-Type',
  'Idempotency-Key',
  'If-Match',
  'If-Modified-Since',
  'If-None-Match',
  'If-Range',
  'If-Unmodified-Since',
  'Last-Event-ID',
  'Prefer',
  'Range',
  'traceparent',
  'tracestate',
  'X-Request-Id',
]

// What answers tell by header field, beside what any page may read.
const told = [
  'Accept-Ranges',
  'Content-Disposition',
  'Content-Range',
  'Deprecation',
  'ETag',
  'Idempotency-Replayed',
  'Link',
  'Location',
  'Preference-Applied',
  'RateLimit',
  'RateLimit-Policy',
  'Retry-After',
  'Sunset',
  'WWW-Authenticate',
  'X-Request-Id',
]

// A serialised origin (RFC 6454, 6.2), of any scheme: apps in a shell have their own, such as capacitor://localhost.
const originPattern = /^[a-z][a-z\d+.-]*:\/\/[^\s/?#,@*]+$/
const fieldPattern = /^[!#$%&'*+.^_`|~\dA-Za-z-]+$/

/** Who may, and what they are told, with every field laid out beforehand. */
export class CorsPolicy {
  readonly #named: ReadonlySet<string> | undefined
  readonly #asked: ((origin: string) => boolean) | undefined
  readonly #credentials: boolean
  readonly #exposed: readonly string[]
  /** Of the answer to a preflight: everything but the methods. */
  readonly preflight: readonly string[]
  /** Any page may, and the answers are the same for all of them. */
  readonly any: boolean

  /** @param place where it was said, for messages. @throws MonoblocError `definition_invalid`, with everything wrong */
  constructor(options: CorsOptions, place: string) {
    const problems = problemsOf(options)
    if (problems.length > 0)
      throw new MonoblocError('definition_invalid', { detail: `${place}: ${problems.join('; ')}.` })
    const { origins, credentials = false, headers = [], exposed = [], maxAge = 600 } = options
    this.any = origins === '*' || (Array.isArray(origins) && origins.includes('*'))
    this.#named = typeof origins === 'object' && !this.any ? new Set(origins) : undefined
    this.#asked = typeof origins === 'function' ? origins : undefined
    this.#credentials = credentials
    this.#exposed = ['access-control-expose-headers', merged(told, exposed)]
    this.preflight = ['access-control-allow-headers', merged(read, headers), 'access-control-max-age', String(maxAge)]
  }

  allows(origin: string, log: Logger): boolean {
    if (this.any || this.#named?.has(origin)) return true
    // Never asked about `null`: a function that says yes to it says yes to every sandboxed frame of every site.
    if (!this.#asked || !originPattern.test(origin)) return false
    try {
      return this.#asked(origin) === true
    } catch (error) {
      // What anybody may send must not keep an answer from being sent: `new URL('http://[')` throws.
      log.error('The function of cors.origins threw, and the origin is refused', { origin, error })
      return false
    }
  }

  /** Adds what an answer tells the browser, whatever its status: a page may read an error too. */
  addTo(fields: string[], origin: string | undefined, log: Logger): void {
    if (!this.any) fields.push('vary', 'Origin')
    if (origin === undefined || !this.allows(origin, log)) return
    fields.push('access-control-allow-origin', this.any ? '*' : origin, ...this.#exposed)
    if (this.#credentials) fields.push('access-control-allow-credentials', 'true')
  }
}

function merged(own: readonly string[], said: readonly string[]): string {
  const known = new Set(own.map((name) => name.toLowerCase()))
  return [...own, ...said.filter((name) => !known.has(name.toLowerCase()))].join(', ')
}

function problemsOf({ origins, credentials, headers = [], exposed = [], maxAge = 0 }: CorsOptions): string[] {
  const problems: string[] = []
  if (typeof origins !== 'function' && origins !== '*' && !(Array.isArray(origins) && origins.length > 0))
    problems.push("origins names the pages that may: a list such as ['https://app.example'], a function, or '*'")
  for (const origin of Array.isArray(origins) ? origins : []) {
    const problem = problemOfOrigin(origin, origins.length)
    if (problem) problems.push(problem)
  }
  if (credentials && (origins === '*' || (Array.isArray(origins) && origins.includes('*'))))
    problems.push("credentials are for origins that are named: with '*' every page could act as its visitor")
  for (const name of [...headers, ...exposed]) {
    if (!fieldPattern.test(name) || name === '*') problems.push(`${JSON.stringify(name)} is no name of a header field`)
  }
  if (!Number.isInteger(maxAge) || maxAge < 0 || maxAge > 86_400)
    problems.push('maxAge is whole seconds, from 0 to 86,400')
  return problems
}

function problemOfOrigin(origin: unknown, count: number): string | undefined {
  if (origin === '*') return count > 1 ? "'*' stands alone: it names every origin" : undefined
  if (origin === 'null') return undefined
  const shown = JSON.stringify(origin)
  if (typeof origin !== 'string') return `${shown} is no origin`
  // As browsers write it: without path, in lower case, without the usual port. Other schemes have no such form.
  const written = URL.canParse(origin) ? new URL(origin).origin : 'null'
  const right = written === 'null' ? origin.toLowerCase() : written
  if (origin.includes('*')) return `${shown} names no origin: for subdomains say a function`
  if (originPattern.test(origin) && origin === right) return undefined
  return originPattern.test(right)
    ? `${shown} is no origin as browsers send it: write '${right}'`
    : `${shown} is no origin`
}
