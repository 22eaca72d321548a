import { MonoblocError } from '../errors.ts'
import { decimalUnits } from './decimal.ts'
import type { FieldKind, FieldOptions } from './field.ts'
import { filterValue } from './filter-value.ts'

type Bound = FieldOptions['min']

/**
 * Sees that `min` and `max` are values that a field of this kind can have, or lengths, and that a value fits between.
 *
 * @throws MonoblocError `definition_invalid`
 */
export function checkBounds(kind: FieldKind, options: FieldOptions): void {
  const min = boundOf(kind, options, 'min')
  const max = boundOf(kind, options, 'max')
  if (min === undefined || max === undefined || min <= max) return
  throw invalid(`.min(${options.min}) is greater than .max(${options.max}).`)
}

/** The bound in a form that compares. */
function boundOf(kind: FieldKind, options: FieldOptions, name: 'min' | 'max'): number | bigint | undefined {
  const bound = options[name]
  if (bound === undefined) return undefined
  const found = readBound(kind, bound, options)
  if (found === undefined) throw invalid(`.${name}(${bound}) is no bound of a ${kind} field.`)
  return found
}

function readBound(kind: FieldKind, bound: Bound, { precision, scale }: FieldOptions): number | bigint | undefined {
  switch (kind) {
    case 'integer':
    case 'float':
    case 'bigint':
      return filterValue({ type: kind }, bound) as number | bigint | undefined
    case 'decimal': {
      const units = typeof bound === 'bigint' ? undefined : decimalUnits(bound!, scale)
      const limit = 10n ** BigInt(precision)
      return units !== undefined && units < limit && units > -limit ? units : undefined
    }
    default:
      return Number.isSafeInteger(bound) && (bound as number) >= 0 ? (bound as number) : undefined
  }
}

function invalid(detail: string): MonoblocError {
  return new MonoblocError('definition_invalid', { detail })
}
