import type { DatabaseSync } from 'node:sqlite'
import { type ErrorCode, MonoblocError } from '../../errors.ts'
import { readCheckName, violationsOf, wrongType } from '../sql/check-name.ts'

// Result codes of SQLite (https://sqlite.org/rescode.html): the low byte is the primary code, the rest says more.
const primary = {
  busy: 5,
  locked: 6,
  readOnly: 8,
  interrupt: 9,
  io: 10,
  corrupt: 11,
  full: 13,
  protocol: 15,
  tooBig: 18,
  constraint: 19,
  mismatch: 20,
  auth: 23,
  notDatabase: 26,
} as const
const failedSyncs = new Set([1034, 1290])
const uniqueCodes = new Set([1555, 2067, 2579])
const notNullCode = 1299
const checkCode = 275
const foreignKeyCode = 787
const typeCode = 3091

interface SqliteError extends Error {
  errcode: number
}

export function isSqliteError(error: unknown): error is SqliteError {
  return error instanceof Error && typeof (error as Partial<SqliteError>).errcode === 'number'
}

/** Someone else holds the lock. */
export function isBusy(error: unknown): boolean {
  const said = error instanceof MonoblocError ? error.cause : error
  if (!isSqliteError(said)) return false
  const code = said.errcode & 255
  return code === primary.busy || code === primary.locked || code === primary.protocol
}

/** What a statement is answered that found the file locked until its deadline. */
export function lockedOut(what: 'read' | 'write', cause?: unknown): MonoblocError {
  return new MonoblocError('database_busy', {
    detail: `The ${what} did not begin before its deadline.`,
    headers: { 'Retry-After': '1' },
    cause,
  })
}

/** The disk refused to read, write or sync. */
export function isIoError(error: unknown): boolean {
  return isSqliteError(error) && (error.errcode & 255) === primary.io
}

/** An fsync failed: what the kernel kept of the pages it was asked to write is unknown from here on. */
export function isFailedSync(error: unknown): boolean {
  const said = error instanceof MonoblocError ? error.cause : error
  return isSqliteError(said) && failedSyncs.has(said.errcode)
}

const codes: Record<number, ErrorCode> = {
  [primary.busy]: 'database_busy',
  [primary.locked]: 'database_busy',
  [primary.protocol]: 'database_busy',
  [primary.readOnly]: 'transaction_read_only',
  [primary.interrupt]: 'deadline_exceeded',
  [primary.full]: 'database_full',
  [primary.corrupt]: 'database_corrupt',
  [primary.notDatabase]: 'database_corrupt',
  [primary.tooBig]: 'check_violation',
  [primary.mismatch]: 'check_violation',
  [primary.auth]: 'statement_refused',
}

/**
 * What the database said, as an error of Monobloc. Constraint violations name the table as `subject` and the fields as
 * paths. A broken FOREIGN KEY can't be told from SQLite's words to be a missing target or a row still in use: it is
 * `reference_not_found` without violations.
 */
export function translateError(error: unknown, db?: DatabaseSync): unknown {
  if (error instanceof MonoblocError) return error
  if (!isSqliteError(error)) {
    const unreadable = error instanceof Error && (error as { code?: string }).code === 'ERR_OUT_OF_RANGE'
    return unreadable ? new MonoblocError('database_error', { detail: error.message, cause: error }) : error
  }
  if ((error.errcode & 255) === primary.constraint) return constraintError(error, db)
  const code = codes[error.errcode & 255] ?? 'database_error'
  return new MonoblocError(code, { detail: `SQLite: ${error.message} (${error.errcode}).`, cause: error })
}

function constraintError(error: SqliteError, db: DatabaseSync | undefined): MonoblocError {
  const said = error.message.slice(error.message.indexOf(': ') + 2)
  const options = { detail: `SQLite: ${error.message}.`, cause: error }
  if (uniqueCodes.has(error.errcode)) {
    const index = /^index '(.+)'$/.exec(said)
    const [subject, fields] = index ? [tableOfIndex(db, index[1]!), []] : columnsIn(said)
    return new MonoblocError('unique_violation', {
      ...options,
      subject,
      violations: violationsOf(fields, 'taken', 'is taken'),
    })
  }
  switch (error.errcode) {
    case notNullCode: {
      const [subject, fields] = columnsIn(said)
      return new MonoblocError('check_violation', {
        ...options,
        subject,
        violations: violationsOf(fields, 'required', 'is required'),
      })
    }
    case checkCode: {
      return new MonoblocError('check_violation', { ...options, ...readCheckName(said) })
    }
    case typeCode: {
      const [subject, fields] = columnsIn(said.slice(said.lastIndexOf(' ') + 1))
      return new MonoblocError('check_violation', { ...options, subject, violations: wrongType(fields) })
    }
    case foreignKeyCode:
      return new MonoblocError('reference_not_found', options)
    default:
      return new MonoblocError('database_error', options)
  }
}

// `article.slug, article.language`
function columnsIn(text: string): [string | undefined, string[]] {
  const parts = text.split(', ').map((part) => part.split('.'))
  return [parts[0]?.[0], parts.map((part) => part[1]).filter((name) => name !== undefined)]
}

function tableOfIndex(db: DatabaseSync | undefined, index: string): string | undefined {
  return db?.prepare("select tbl_name from sqlite_schema where type = 'index' and name = ?").get(index)
    ?.tbl_name as string
}
