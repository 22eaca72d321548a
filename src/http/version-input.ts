import { closedInput, describeAs, type JsonSchema, type StandardSchemaV1 } from '../schema/index.ts'
import type { MaybePromise } from './host.ts'
import { inputSchema } from './openapi-parameters.ts'

/** One step up: what the older form is held to, and what makes the newer one of it. */
export interface InputStep {
  schema: StandardSchemaV1 | undefined
  change: ((value: any) => unknown) | undefined
}

type Result = Awaited<ReturnType<StandardSchemaV1['~standard']['validate']>>

/**
 * A schema that takes an older form: it is held to that form's schema and changed, step by step, and what comes out is held
 * to the newest form's. To a description it is the oldest form.
 *
 * @param steps the oldest first
 */
export function olderInput(steps: readonly InputStep[], newest: StandardSchemaV1 | undefined): StandardSchemaV1 {
  const described = steps.find(({ schema }) => schema)?.schema ?? newest
  const description: JsonSchema = described ? inputSchema(closedInput(described)) : {}
  const validate = (value: unknown) => climb(steps, newest, value, 0)
  return describeAs({ '~standard': { version: 1, vendor: 'monobloc', validate } } as const, description)
}

function climb(
  steps: readonly InputStep[],
  newest: StandardSchemaV1 | undefined,
  value: unknown,
  at: number,
): MaybePromise<Result> {
  const step = steps[at]
  if (!step) return newest ? newest['~standard'].validate(value) : { value }
  const next = (result: Result): MaybePromise<Result> => {
    if (result.issues) return result
    const changed = step.change ? step.change(result.value) : result.value
    return changed instanceof Promise
      ? changed.then((given) => climb(steps, newest, given, at + 1))
      : climb(steps, newest, changed, at + 1)
  }
  if (!step.schema) return next({ value })
  const result = closedInput(step.schema)['~standard'].validate(value)
  return result instanceof Promise ? result.then(next) : next(result)
}
