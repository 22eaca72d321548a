import { MonoblocError } from '../../errors.ts'

const allowedFirst = /^\s*(select|values|with|insert|update|delete|merge|explain)\b/i

/** Refuses SQL that a user may not run inside a unit of work. @throws MonoblocError `statement_refused` */
export function checkRaw(sql: string): void {
  if (!allowedFirst.test(sql)) throw new MonoblocError('statement_refused', { detail: `Refused: ${sql.slice(0, 20)}` })
}
