import type { JsonSchema } from '../schema/index.ts'

interface Described {
  description: string
  schema: JsonSchema
}

const text: JsonSchema = { type: 'string' }

/** Header fields that answers may carry, by name. */
export const headerFields = {
  'Content-Range': { description: 'Which part it is, and of how much (RFC 9110, 14.4).', schema: text },
  ETag: { description: 'Names this version of the content (RFC 9110, 8.8.3).', schema: text },
  Link: {
    description:
      'The next page: rel="next" (RFC 8288), asked for with the same method, and the same body where there is one.',
    schema: text,
  },
  Location: { description: 'The address of what was created.', schema: { type: 'string', format: 'uri-reference' } },
  'Idempotency-Replayed': {
    description: 'The answer that an earlier request with the same Idempotency-Key had.',
    schema: { type: 'string', enum: ['true'] },
  },
  'Preference-Applied': { description: 'Which preferences were honoured (RFC 7240).', schema: text },
  'Retry-After': { description: 'Seconds to wait before the next try.', schema: { type: 'integer', minimum: 0 } },
} as const satisfies Record<string, Described>

export type HeaderFieldName = keyof typeof headerFields

/** Header fields that requests may carry, by name. */
export const sharedParameters = {
  'If-Match': {
    description: 'The ETag of the read that the change is based on. Another version there: 412.',
    schema: text,
  },
  'If-None-Match': {
    description: 'ETags of what the client has: 304 when one is current. `*`: only if there is nothing yet.',
    schema: text,
  },
  'Idempotency-Key': {
    description: 'Makes a repetition safe: with the same key and content the first answer is given again.',
    schema: { type: 'string', minLength: 1, maxLength: 255, pattern: '^[!-~]+$' },
  },
  Prefer: { description: 'Preferences, such as return=minimal (RFC 7240).', schema: text },
} as const satisfies Record<string, Described>

export type SharedParameterName = keyof typeof sharedParameters
