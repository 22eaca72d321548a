import { MonoblocError } from '../../errors.ts'

/** @throws MonoblocError `definition_invalid` where a subquery cannot stand: in a CHECK or a partial index */
export function subqueryAllowed(writer: { subqueries: boolean }, what: string): void {
  if (!writer.subqueries) throw notInline(what)
}

export function notInline(what: string): MonoblocError {
  return new MonoblocError('definition_invalid', {
    detail: `${what}: a check or a partial index can only compare columns of its own table with constants.`,
  })
}
