import type { StandardIssue } from './standard-schema.ts'

/** What Zod says of an issue beside its path and message. */
export interface ZodIssue extends StandardIssue {
  code?: string
  expected?: string
  origin?: string
  format?: string
  pattern?: string
  minimum?: number | bigint
  maximum?: number | bigint
  inclusive?: boolean
  values?: readonly unknown[]
}

const types: Record<string, string> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
  date: 'a date',
  null: 'null',
}

const formats: Record<string, string> = {
  email: 'an e-mail address',
  url: 'a URL',
  uuid: 'a UUID',
  guid: 'a UUID',
  datetime: 'an instant such as "2026-11-22T10:00:00.000Z"',
  date: 'a day such as "2026-11-22"',
  time: 'a time such as "10:00:00"',
  base64: 'base64',
  ipv4: 'an IPv4 address',
  ipv6: 'an IPv6 address',
}

/**
 * The message of an issue in the words that models use for the same: a client need not know which part of an input a model
 * checked and which Zod. What an app said itself, or in another language, stays as it is.
 */
export function wordsOf(issue: ZodIssue): string {
  const { message, code } = issue
  if (code === 'invalid_type' && message.startsWith('Invalid input: expected '))
    return `must be ${types[issue.expected ?? ''] ?? `of type ${issue.expected}`}`
  if (code === 'too_small' && message.startsWith('Too small: expected ')) return bound(issue, 'min') ?? message
  if (code === 'too_big' && message.startsWith('Too big: expected ')) return bound(issue, 'max') ?? message
  if (code === 'invalid_value' && /^Invalid (?:option|input): expected /.test(message)) return among(issue.values ?? [])
  if (code === 'invalid_union' && message === 'Invalid input') return 'must be one of its alternatives'
  if (code === 'invalid_format' || code === 'not_multiple_of') return formatted(issue)
  return message
}

function bound(issue: ZodIssue, side: 'min' | 'max'): string | undefined {
  const limit = side === 'min' ? issue.minimum : issue.maximum
  const words = side === 'min' ? ['at least', 'more than'] : ['at most', 'less than']
  const most = issue.inclusive === false ? words[1] : words[0]
  switch (issue.origin) {
    case 'string':
      return `must have ${most} ${limit} ${limit === 1 ? 'character' : 'characters'}`
    case 'array':
    case 'set':
      return `must have ${most} ${limit} ${limit === 1 ? 'element' : 'elements'}`
    case 'number':
    case 'int':
    case 'bigint':
      return `must be ${most} ${limit}`
    default:
      return undefined
  }
}

function among(values: readonly unknown[]): string {
  return values.length === 1 ? `must be ${JSON.stringify(values[0])}` : `must be one of: ${values.join(', ')}`
}

function formatted({ format = '', pattern, message }: ZodIssue): string {
  // `Invalid string: must start with "a"`
  const said = /^Invalid [a-z]+: (must .+)$/.exec(message)?.[1]
  if (said && format !== 'regex') return said
  if (!message.startsWith('Invalid ')) return message
  if (format === 'regex' && pattern) return `must match ${pattern}`
  return formats[format] ? `must be ${formats[format]}` : message
}
