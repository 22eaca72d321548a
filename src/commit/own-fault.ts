import { MonoblocError, type Violation } from '../errors.ts'
import type { AnyModel } from '../schema/index.ts'

// What code hands on of what a client said: a page's bounds, a cursor, words. Everything else of a query is a name.
const oftenHandedOn: readonly unknown[] = ['limit', 'offset', 'after', 'search']
const namesOf: Record<string, (violation: Violation) => boolean> = {
  invalid_filter: ({ code }) => code === 'unknown_field' || code === 'unknown_operator',
  invalid_query: ({ code, path }) => code === 'unknown_field' || !oftenHandedOn.includes(path.at(-1)),
}

/**
 * A filter or a query of the app's own code that names what is not there is no mistake of the client, who can't correct
 * it: that error becomes `call_invalid`. A wrong value stays what it is, since it may well be the client's.
 */
export function asOwnFault(error: unknown, model: AnyModel): unknown {
  if (!(error instanceof MonoblocError)) return error
  const isName = namesOf[error.code]
  const wrong = isName ? error.violations.filter(isName) : []
  return wrong.length > 0 ? ownFault(model, wrong) : error
}

export function ownFault(model: AnyModel, violations: readonly Violation[]): MonoblocError {
  const wrong = violations.map(({ path, message }) => `${path.join('.')} ${message}`)
  return new MonoblocError('call_invalid', { subject: model.name, detail: `${wrong.join('; ')}.` })
}
