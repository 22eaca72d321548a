import type { Field } from './field.ts'
import type { Condition } from './filter-condition.ts'
import { compileMatcher } from './filter-match.ts'
import { operandOf } from './filter-operator.ts'
import { readJson } from './filter-parse-json.ts'
import { type Operand, readOperand } from './filter-parse-operators.ts'
import { Reading } from './filter-reading.ts'
import type { Refuse } from './kind.ts'

/** Holds a value to the checks of its field, as the database will: to say it beside everything else that is wrong. */
export type ValueCheck = (value: unknown, refuse: Refuse) => void

/** Undefined for a field without checks. */
export function valueCheckOf(field: Field): ValueCheck | undefined {
  const { checks } = field.options
  if (checks.length === 0) return undefined
  // Compiled with the first value: whether the checks can be read is seen when the models are defined.
  let compiled: { holds: (row: { value: unknown }) => boolean; message: string }[] | undefined
  return (value, refuse) => {
    compiled ??= checks.map((operators) => ({
      holds: compileMatcher(conditionOf(field, operators)),
      message: messageOf(operators),
    }))
    for (const { holds, message } of compiled) if (!holds({ value })) refuse('check', message)
  }
}

function conditionOf(field: Field, operators: Record<string, unknown>): Condition {
  // Nothing in it leads to another model.
  const reading = new Reading(undefined as never, undefined as never, { secret: true })
  const condition =
    field.kind === 'json'
      ? readJson(reading, 'value', operators, [])
      : readOperand(reading, operandFor(field), operators, [])
  reading.finish()
  return condition
}

function operandFor(field: Field): Operand {
  const operand = operandOf(field)
  return {
    ...operand,
    make: (comparison) => ({ kind: 'compare', column: 'value', type: operand.type, comparison }),
  }
}

const words: Record<string, string> = {
  eq: 'be',
  ne: 'not be',
  in: 'be one of',
  nin: 'be none of',
  gt: 'be more than',
  gte: 'be at least',
  lt: 'be less than',
  lte: 'be at most',
  between: 'be between',
  contains: 'contain',
  startsWith: 'start with',
  endsWith: 'end with',
}

/** `must be at least 8` */
function messageOf(operators: Record<string, unknown>): string {
  const parts = Object.entries(operators).map(([operator, value]) => {
    const shown = Array.isArray(value)
      ? value.map(shownValue).join(operator === 'between' ? ' and ' : ', ')
      : shownValue(value)
    return `${words[operator] ?? `meet ${operator}`} ${shown}`
  })
  return `must ${parts.join(' and ')}`
}

function shownValue(value: unknown): string {
  if (typeof value === 'bigint' || value instanceof Date)
    return value instanceof Date ? value.toISOString() : `${value}`
  return typeof value === 'string' ? value : JSON.stringify(value)
}
