/** The connection has gone. What the server made of the last it was asked is not known. It stays inside the engine. */
export class ConnectionLost extends Error {
  constructor(cause: unknown) {
    super(`the connection to PostgreSQL was lost${cause instanceof Error ? `: ${cause.message}` : ''}`, { cause })
    this.name = 'ConnectionLost'
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
const endings = /^(?:08...|57P0[12345]|25P0[34]|F0000|58...)$/

/** The connection is of no more use, whatever the statement was. */
export function endsConnection(error: unknown): boolean {
  return error instanceof ConnectionLost || (isServerError(error) && endings.test(error.code))
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
