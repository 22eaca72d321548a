import { errorTable, type MonoblocError } from '../errors.ts'

/** Why a command with `--json` ended, on one line of standard error: `{ "error": { code, message, remedy, violations } }`. */
export function failureJson(error: unknown): string {
  const { name, code, violations = [] } = (error ?? {}) as Partial<MonoblocError>
  const message = error instanceof Error ? error.message : String(error)
  const known = name === 'MonoblocError' && code && code in errorTable
  const told = known ? { code, message, remedy: errorTable[code].remedy, violations } : { code: null, message }
  return `${JSON.stringify({ error: told })}\n`
}
