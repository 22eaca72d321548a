import { type ErrorCode, MonoblocError } from '../../errors.ts'
import { readCheckName, violationsOf } from '../sql/check-name.ts'
import { isServerError, type ServerError } from './postgres-lost.ts'
import { meantBy } from './postgres-names.ts'

// SQLSTATEs (https://www.postgresql.org/docs/15/errcodes-appendix.html).
const codes: Record<string, ErrorCode> = {
  '22001': 'check_violation', // too long for its column
  '22003': 'check_violation', // a number out of range
  '22007': 'check_violation', // no date
  '22008': 'check_violation', // a date out of range
  '22021': 'check_violation', // U+0000, or bytes that are no text
  '22P02': 'check_violation', // no value of this type
  '22P03': 'check_violation',
  '22P05': 'check_violation', // a character that JSON can't hold here
  '23001': 'reference_in_use',
  '23P01': 'unique_violation', // an exclusion constraint
  '25006': 'transaction_read_only',
  '40001': 'database_busy',
  '40P01': 'database_busy',
  '53100': 'database_full',
  '53200': 'database_busy', // out of memory
  '53300': 'database_busy', // too many connections
  '53400': 'database_busy',
  '54000': 'check_violation', // larger than an index or a type takes
  '55P03': 'database_busy', // a lock was not to be had
  '57014': 'deadline_exceeded',
  '57P01': 'database_busy', // shutting down
  '57P02': 'database_busy',
  '57P03': 'database_busy', // starting up
  XX001: 'database_corrupt',
  XX002: 'database_corrupt',
}

/**
 * What the server said, as an error of Monobloc's. Constraint violations name the table as `subject` and the fields as
 * paths. A broken FOREIGN KEY is `reference_not_found` without violations, as on SQLite: who wrote the rows asks them which
 * it was. Words of the server's are in its own language, so that none of them is read.
 */
export function translateError(error: unknown): unknown {
  if (!isServerError(error)) return error
  const fields = error.code === '23505' ? uniqueFields(error) : []
  // It holds the row, and so what nobody may see: the log shows what an error has.
  if (error.code.startsWith('23')) delete error.detail
  const options = { detail: `PostgreSQL: ${error.message} (${error.code}).`, cause: error }
  switch (error.code) {
    case '23505':
      return new MonoblocError('unique_violation', {
        ...options,
        subject: error.table,
        violations: violationsOf(fields, 'taken', 'is taken'),
      })
    case '23502':
      return new MonoblocError('check_violation', {
        ...options,
        subject: error.table,
        violations: violationsOf(error.column ? [error.column] : [], 'required', 'is required'),
      })
    case '23514': {
      const said = readCheckName(meantBy(error.constraint ?? ''))
      return new MonoblocError('check_violation', { ...options, ...said, subject: error.table })
    }
    case '23503':
      return new MonoblocError('reference_not_found', options)
    default: {
      // A mistake in what was sent, such as a value too few, ends no connection.
      const isLost = error.code.startsWith('08') && error.code !== '08P01'
      const code = isLost ? 'database_busy' : (codes[error.code] ?? 'database_error')
      return new MonoblocError(code, { ...options, subject: code === 'check_violation' ? error.table : undefined })
    }
  }
}

/**
 * The columns of a unique index, from `Key (slug, "createdAt")=(a, b) already exists.`, of which only the words are in the
 * server's language. None for an index over an expression.
 */
function uniqueFields({ detail = '' }: ServerError): string[] {
  const listed = /\(((?:"[^"]+"|\w+)(?:, (?:"[^"]+"|\w+))*)\)=\(/.exec(detail)?.[1]
  return listed ? listed.split(', ').map((name) => name.replaceAll('"', '')) : []
}
