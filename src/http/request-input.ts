import { MonoblocError, type Violation } from '../errors.ts'
import { type StandardSchemaV1, violationsOf } from '../schema/index.ts'
import type { MaybePromise } from './host.ts'
import type { Route } from './route.ts'

/** What a client gave: as it came, or as the schemas of the route made it. */
export interface RequestInput {
  params: unknown
  query: unknown
  body: unknown
}

/**
 * Holds all of an input to the schemas of its route. At once, unless a schema takes its time.
 *
 * @throws MonoblocError with every violation: `invalid_params`, else `invalid_query`, else `validation_failed`
 */
export function checkInput(route: Route, { params, query, body }: RequestInput): MaybePromise<RequestInput> {
  const checks = [
    check(route.paramsSchema, params, 'params'),
    check(route.querySchema, query, 'query'),
    check(route.bodySchema, body, 'body'),
  ]
  return checks.some((result) => result instanceof Promise)
    ? Promise.all(checks).then(inputOf)
    : inputOf(checks as Checked[])
}

interface Checked {
  value?: unknown
  violations?: Violation[]
}

function check(schema: StandardSchemaV1 | undefined, value: unknown, place: string): MaybePromise<Checked> {
  if (!schema) return { value }
  const result = schema['~standard'].validate(value)
  const read = (done: Awaited<typeof result>): Checked =>
    done.issues ? { violations: violationsOf(done.issues, [place], value) } : { value: done.value }
  return result instanceof Promise ? result.then(read) : read(result)
}

function inputOf(checks: Checked[]): RequestInput {
  const [params, query, body] = checks as [Checked, Checked, Checked]
  if (!params.violations && !query.violations && !body.violations)
    return { params: params.value, query: query.value, body: body.value }
  const code = params.violations ? 'invalid_params' : query.violations ? 'invalid_query' : 'validation_failed'
  throw new MonoblocError(code, { violations: checks.flatMap(({ violations }) => violations ?? []) })
}
