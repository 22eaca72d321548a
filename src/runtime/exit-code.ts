/** How a process of ours ends, after sysexits.h where it has a word for it. */
export const exitCodes = {
  ok: 0,
  /** An error that nothing caught, or a check that failed. */
  failure: 1,
  /** The command line is not understood (EX_USAGE). */
  usage: 64,
  /** Something is in use that may be free later: the port, the database (EX_UNAVAILABLE). */
  unavailable: 69,
  /** The disk failed: what is on it is unknown, or it could not be read (EX_IOERR). */
  disk: 74,
  /** Starting again changes nothing until somebody changes the configuration, the app or the machine (EX_CONFIG). */
  configuration: 78,
} as const

const byCode: Record<string, number> = {
  app_invalid: exitCodes.configuration,
  app_not_found: exitCodes.configuration,
  configuration_invalid: exitCodes.configuration,
  definition_invalid: exitCodes.configuration,
  schema_differs: exitCodes.configuration,
  schema_newer: exitCodes.configuration,
  migration_pending: exitCodes.configuration,
  migration_engine: exitCodes.configuration,
  migration_refused: exitCodes.configuration,
  migration_stopped: exitCodes.configuration,
  dependency_missing: exitCodes.configuration,
  listen_refused: exitCodes.configuration,
  port_taken: exitCodes.unavailable,
  database_busy: exitCodes.unavailable,
  database_full: exitCodes.unavailable,
  database_unavailable: exitCodes.unavailable,
  // Of a start: whatever was written, the next one finds it.
  commit_unknown: exitCodes.unavailable,
}

/** The exit code of a process that could not start. By the error's code: the app may have loaded another copy of this package. */
export function exitCodeOf(error: unknown): number {
  const { name, code = '' } = (error ?? {}) as { name?: string; code?: string }
  if (isDiskError(error)) return exitCodes.disk
  return (name === 'MonoblocError' && byCode[code]) || exitCodes.failure
}

// As the system says it, or SQLite by its primary code; an error of ours has it as its cause.
function isDiskError(error: unknown): boolean {
  const { cause } = (error ?? {}) as { cause?: unknown }
  return [error, cause].some((one) => {
    const { code, errcode } = (one ?? {}) as { code?: string; errcode?: number }
    return code === 'EIO' || (errcode !== undefined && (errcode & 255) === 10)
  })
}
