import { type ErrorCode, MonoblocError, type Violation } from '../errors.ts'
import type { JsonSchema } from '../schema/index.ts'
import { jsonType, problemType } from './media-type.ts'
import { type ErrorMapper, problemOf } from './problem.ts'

/** What each status of an error is called in the document, and when it is answered. */
const told: Record<number, [name: string, description: string]> = {
  400: ['BadRequest', 'The request is malformed: its path, its query, a header field or its JSON.'],
  401: ['Unauthorized', 'There is no identity, or the credentials are not valid.'],
  403: ['Forbidden', 'This user may not do this.'],
  404: ['NotFound', 'There is nothing here, or nothing that this user may know of.'],
  406: ['NotAcceptable', 'None of the media types in Accept can be produced.'],
  409: ['Conflict', 'In conflict with the current state, such as a value that is taken.'],
  410: ['Gone', 'What was here is no more.'],
  412: ['PreconditionFailed', 'The content has changed since the version in If-Match.'],
  413: ['ContentTooLarge', 'The body is larger than it may be.'],
  415: ['UnsupportedMediaType', 'The media type of the body is not read here.'],
  416: ['RangeNotSatisfiable', 'The content has no such part: Content-Range says how long it is.'],
  422: ['UnprocessableContent', 'Well-formed, but not valid: every violation is listed with its place.'],
  428: ['PreconditionRequired', 'The change must say in If-Match which version it is based on.'],
  429: ['TooManyRequests', 'Too many requests: wait as long as Retry-After says.'],
}

const anyOther = 'Any other error, such as 500 and 503.'

export const problemSchema: JsonSchema = {
  type: 'object',
  description: 'Problem details (RFC 9457).',
  properties: {
    type: { type: 'string', format: 'uri-reference' },
    title: { type: 'string', description: 'What is wrong, for people.' },
    status: { type: 'integer', minimum: 400, maximum: 599 },
    code: { type: 'string', description: 'What is wrong, for programs. Stable.' },
    detail: { type: 'string', description: 'What to do about it.' },
    instance: { type: 'string', description: 'The id of the request, which the log carries too.' },
    subject: { type: 'string', description: 'What it is about, usually a model.' },
    errors: {
      type: 'array',
      description: 'Every violation.',
      items: {
        type: 'object',
        properties: {
          in: { type: 'string', enum: ['body', 'query', 'params', 'headers'] },
          pointer: { type: 'string', description: 'Where in the body: a JSON pointer as a URI fragment.' },
          parameter: { type: 'string', description: 'Which parameter or header field.' },
          code: { type: 'string' },
          detail: { type: 'string' },
        },
        required: ['code', 'detail'],
      },
    },
  },
  required: ['type', 'title', 'status', 'code', 'instance'],
}

/** The answers of one document that are errors: which status a code has, and what it looks like. */
export class DocumentErrors {
  readonly #mapper: ErrorMapper | undefined
  readonly #samples = new Map<ErrorCode, Sample>()
  readonly #codes = new Map<number, Set<ErrorCode>>()

  constructor(mapper: ErrorMapper | undefined) {
    this.#mapper = mapper
  }

  /** References to the answers to these errors, by status in order, and to the one for all others. */
  responses(codes: Iterable<ErrorCode>, without: ReadonlySet<number>): Record<string, JsonSchema> {
    const statuses = new Set<number>()
    for (const code of codes) {
      const { status } = this.#sample(code)
      if (without.has(status)) continue
      statuses.add(status)
      this.#codes.set(status, (this.#codes.get(status) ?? new Set()).add(code))
    }
    const entries = [...statuses].sort((a, b) => a - b).map((status) => [status, referenceTo(nameOf(status))])
    return { ...Object.fromEntries(entries), default: referenceTo('Error') }
  }

  /** The answers that have been referred to, by name. */
  components(): Record<string, JsonSchema> {
    const statuses = [...this.#codes].sort(([a], [b]) => a - b)
    const entries = statuses.map(([status, codes]) => {
      const description = told[status]?.[1] ?? 'An error.'
      return [nameOf(status), { description, content: this.#content([...codes]) }]
    })
    const other = { description: anyOther, content: this.#content(['internal']) }
    return { ...Object.fromEntries(entries), Error: other }
  }

  /** Whether problem details occur at all. */
  get hasProblems(): boolean {
    return [...this.#samples.values()].some(({ mapped }) => !mapped)
  }

  #content(codes: ErrorCode[]): JsonSchema {
    const content: Record<string, JsonSchema> = {}
    for (const code of codes.sort()) {
      const { mapped, body } = this.#sample(code)
      const type = mapped ? jsonType : problemType
      const schema = mapped ? formOf(body) : { $ref: '#/components/schemas/ProblemDetails' }
      const media = (content[type] ??= { schema, examples: {} })
      Object.assign(media.examples as object, { [code]: { value: body } })
    }
    return content
  }

  #sample(code: ErrorCode): Sample {
    let sample = this.#samples.get(code)
    if (!sample) {
      sample = sampleOf(code, this.#mapper)
      this.#samples.set(code, sample)
    }
    return sample
  }
}

interface Sample {
  status: number
  /** Whether the app gives it a form of its own. */
  mapped: boolean
  body: unknown
}

/**
 * An error as this app answers it. An app with its own form of errors is asked with an example, since it may change the
 * status too.
 */
function sampleOf(code: ErrorCode, mapper: ErrorMapper | undefined): Sample {
  const violations = violationsOf[code]
  const error = new MonoblocError(code, violations ? { violations } : { subject: subjects[code] })
  const problem = problemOf(error, 'Jx0aB-_z.1k', false)
  const plain = { status: problem.status, mapped: false, body: problem }
  try {
    const own = mapper?.(problem, error)
    return own ? { status: own.status ?? problem.status, mapped: true, body: own.body } : plain
  } catch {
    return plain
  }
}

const place = (path: string[], code: string, message: string): Violation[] => [{ path, code, message }]
const violationsOf: Partial<Record<ErrorCode, Violation[]>> = {
  invalid_query: place(['query', 'limit'], 'invalid_type', 'must be a whole number'),
  invalid_params: place(['params', 'id'], 'invalid_format', 'must be a UUID'),
  invalid_filter: place(['query', 'price[about]'], 'unknown_operator', 'is no operator here'),
  validation_failed: place(['body', 'title'], 'required', 'is required'),
  unique_violation: place(['body', 'name'], 'taken', 'is taken'),
  body_too_large: place(['body'], 'too_big', 'must have at most 1048576 bytes'),
}
const subjects: Partial<Record<ErrorCode, string>> = { forbidden: 'resource', not_found: 'resource' }

function formOf(body: unknown): JsonSchema {
  return typeof body === 'object' && body !== null && !Array.isArray(body) ? { type: 'object' } : {}
}

function nameOf(status: number): string {
  return told[status]?.[0] ?? `Status${status}`
}

function referenceTo(name: string): JsonSchema {
  return { $ref: `#/components/responses/${name}` }
}

/** What an operation can fail with, as far as its declaration tells. Everything else is a defect or passes. */
export interface Failing {
  /** It has parameters in the path. */
  parameters: boolean
  /** They have a schema. */
  checked: boolean
  query: boolean
  body: boolean
  /** It honours Idempotency-Key. */
  key: boolean
  /** The app knows users. */
  users: boolean
  anyone: boolean
  /** It may change data. */
  writes: boolean
  deletes: boolean
}

export function codesOf(failing: Failing): Set<ErrorCode> {
  const { parameters, checked, query, body, key, users, anyone, writes, deletes } = failing
  const codes: [boolean, ErrorCode[]][] = [
    [parameters, ['malformed_request', 'not_found']],
    [checked, ['invalid_params']],
    [query, ['invalid_query']],
    [body, ['malformed_json', 'body_too_large', 'unsupported_media_type', 'validation_failed']],
    [key, ['idempotency_key_invalid', 'idempotency_in_flight', 'idempotency_mismatch']],
    // Credentials that are there must be valid, even where none are needed.
    [users, anyone ? ['invalid_token'] : ['unauthenticated', 'invalid_token']],
    [users && writes && !anyone, ['forbidden']],
    [writes, deletes ? ['reference_in_use'] : ['unique_violation', 'reference_not_found', 'check_violation']],
  ]
  return new Set(codes.flatMap(([applies, list]) => (applies ? list : [])))
}
