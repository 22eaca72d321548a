/** The connection has gone. What the server made of the last it was asked is not known. It stays inside the engine. */
export class ConnectionLost extends Error {
  /** Whether the statement had been sent. What was not sent can't have happened. */
  readonly sent: boolean

  constructor(cause: unknown, sent: boolean) {
    super(`the connection to PostgreSQL was lost${cause instanceof Error ? `: ${cause.message}` : ''}`, { cause })
    this.name = 'ConnectionLost'
    this.sent = sent
  }
}

/** An error in the server's own words. `severity` may be in the server's language, `code` is its SQLSTATE. */
export interface ServerError extends Error {
  code: string
  severity: string
  detail?: string
  schema?: string
  table?: string
  column?: string
  constraint?: string
  routine?: string
}

export function isServerError(error: unknown): error is ServerError {
  return error instanceof Error && 'code' in error && 'severity' in error && error.severity !== undefined
}

// SQLSTATEs after which the server ends the connection, or is no longer one that can be written to (after a failover).
const endings = /^(?:08(?!P01)...|57P0[12345]|25P0[34]|F0000|58...)$/

/** The connection is of no more use, whatever the statement was. */
export function endsConnection(error: unknown): boolean {
  return error instanceof ConnectionLost || (isServerError(error) && (endings.test(error.code) || isOfPooler(error)))
}

/** PgBouncer has this one SQLSTATE for all that it has to say, such as that the server is gone; then it ends the connection. */
function isOfPooler({ code, severity }: ServerError): boolean {
  return code === '08P01' && severity === 'FATAL'
}

/**
 * Nothing is wrong with the work: run again, from the beginning, it may pass. A serialization failure, a deadlock, or a
 * prepared statement whose answer another schema has changed.
 */
export function isPassing(error: unknown): boolean {
  if (!isServerError(error)) return false
  return error.code === '40001' || error.code === '40P01' || isStalePlan(error)
}

/** The schema changed beneath a prepared statement. */
export function isStalePlan(error: unknown): boolean {
  return isServerError(error) && error.code === '0A000' && error.routine === 'RevalidateCachedQuery'
}

/**
 * Of what passes, what one savepoint's end undoes: someone else changed the row first, or held its lock. A serialization
 * failure of another kind (a cycle of reads and writes) dooms the whole transaction. The routine tells them apart, since
 * the words are in the server's language.
 */
export function isMemberOnly(error: unknown): boolean {
  if (!isServerError(error)) return false
  return (
    error.code === '55P03' || error.code === '40P01' || (error.code === '40001' && /^Exec/.test(error.routine ?? ''))
  )
}
