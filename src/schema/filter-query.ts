import { MonoblocError, type Violation } from '../errors.ts'
import type { Condition } from './filter-condition.ts'
import { type FilterOptions, filterableNames, parseFilter } from './filter-parse.ts'
import { buildParameter, type QueryParameter } from './filter-query-parameter.ts'
import { listed } from './filter-reading.ts'
import type { AnyModel } from './model.ts'
import type { Schema } from './schema.ts'

/** Parameters of a list that are no filter. A field of such a name is asked for with its operator: `limit[eq]=5`. */
export const reservedParameters: ReadonlySet<string> = new Set([
  'sort',
  'limit',
  'after',
  'include',
  'fields',
  'search',
])

export interface QueryFilterOptions extends Pick<FilterOptions, 'restrict'> {
  /** Names that are passed over. Default: `reservedParameters`. */
  reserved?: ReadonlySet<string>
  /** How many relations one parameter may cross: `author.boss.name` crosses two. Default: 2. */
  crossings?: number
}

/**
 * Reads the filter in a query string: `status=open`, `price[gte]=10`, `author.name=x` or `author[name]=x`,
 * `tags.some.name=y`, `tags[count][gte]=2`, `data.address.city=Paris`, `data[has]=x`. All parameters are met; those
 * about one related row are about the same row.
 *
 * Values are text, read as the field's type: `true` and `false`, numbers, base64 or base64url. Null is asked for with
 * `[null]=true`. `in`, `nin` and `between` take a list with commas (`\,` is a comma in a value, `\\` a backslash), and
 * `in` and `nin` may be repeated. Of json fields a value that reads as a JSON scalar is one (`5`, `true`, `"5"`),
 * anything else is a string. `and`, `or` and `not` need the JSON form.
 *
 * @throws MonoblocError `invalid_query` with every violation, the parameter's name in its path, and what is allowed
 */
export function parseQueryFilter(
  schema: Schema,
  model: AnyModel,
  parameters: Iterable<[string, string]>,
  options: QueryFilterOptions = {},
): Condition {
  const reserved = options.reserved ?? reservedParameters
  const violations: Violation[] = []
  const filter = Object.create(null) as Record<string, unknown>
  const names = new Map<string, string>()
  for (const [name, text] of parameters) {
    if (reserved.has(name)) continue
    const built = buildParameter(schema, model, name, text, options.crossings ?? 2)
    const message = 'problem' in built ? allowedInstead(schema, model, built.problem, reserved) : put(filter, built)
    if ('path' in built) names.set(built.path.join('\0'), name)
    if (message !== undefined) violations.push({ path: ['query', name], code: codeOf(built), message })
    if (violations.length >= 20) break
  }
  refuse(violations)
  try {
    return parseFilter(schema, model, filter, { restrict: options.restrict })
  } catch (error) {
    if (!(error instanceof MonoblocError) || error.code !== 'invalid_filter') throw error
    refuse(error.violations.map((violation) => ({ ...violation, path: ['query', parameterOf(names, violation.path)] })))
    throw error
  }
}

function codeOf(built: QueryParameter | { code: string }): string {
  return 'code' in built ? built.code : 'repeated'
}

function refuse(violations: Violation[]): void {
  if (violations.length > 0) throw new MonoblocError('invalid_query', { violations })
}

function allowedInstead(schema: Schema, model: AnyModel, problem: string, reserved: ReadonlySet<string>): string {
  if (problem !== '') return problem
  return `is not a parameter here; allowed: ${listed([...filterableNames(schema, model), ...reserved])}`
}

/** Puts a value at its place in the filter; says what is wrong when there is one already. */
function put(filter: Record<string, unknown>, { path, value }: QueryParameter): string | undefined {
  let place = filter
  for (const step of path.slice(0, -1)) {
    place[step] ??= Object.create(null)
    place = place[step] as Record<string, unknown>
  }
  const operator = path.at(-1)!
  const there = place[operator]
  if (there === undefined) place[operator] = value
  else if (Array.isArray(there) && Array.isArray(value) && operator !== 'between') there.push(...value)
  else return `is given twice: use [in] for several values`
  return undefined
}

/** The parameter that a violation is about: the one whose place in the filter is the nearest above or below. */
function parameterOf(names: ReadonlyMap<string, string>, path: readonly (string | number)[]): string {
  for (let length = path.length; length > 0; length--) {
    const start = path.slice(0, length).join('\0')
    for (const [place, name] of names) if (place === start || place.startsWith(`${start}\0`)) return name
  }
  return path.join('.')
}
