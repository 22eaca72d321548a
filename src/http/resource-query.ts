import { WireFilter } from '../commit/index.ts'
import { MonoblocError, type Violation } from '../errors.ts'
import type { AnyModel, Field, Schema } from '../schema/index.ts'

/** What a client asked of a list, as `db.find` takes it. */
export interface ListQuery {
  where?: WireFilter
  sort?: string[]
  limit: number
  after?: string
  fields?: string[]
  include?: Record<string, object | true>
  search?: string
}

type Parameters = Record<string, string | string[]>

/** Rows of a page: what a client gets without saying, and the most it may say. */
export interface PageLimits {
  default: number
  max: number
}

/** What a resource lets clients ask for. */
export interface Askable {
  schema: Schema
  model: AnyModel
  limits: PageLimits
  /** Relations that may be included, with dots for those of related models. */
  include: readonly string[]
}

const listParameters = new Set(['sort', 'limit', 'after', 'include', 'fields', 'search'])

/** @throws MonoblocError `invalid_query` with every violation */
export function readListQuery(askable: Askable, parameters: Parameters): ListQuery {
  const reader = new QueryReader(askable)
  const filters: [string, string][] = []
  for (const name in parameters) {
    const given = parameters[name]!
    if (!listParameters.has(name))
      for (const value of typeof given === 'string' ? [given] : given) filters.push([name, value])
    else if (typeof given !== 'string') reader.refuse(name, 'repeated', 'is given twice')
  }
  const text = (name: string) => (typeof parameters[name] === 'string' ? (parameters[name] as string) : undefined)
  const query: ListQuery = { limit: reader.limit(text('limit')), ...reader.shape(text('fields'), text('include')) }
  const [sort, after, search] = [text('sort'), text('after'), text('search')]
  if (sort !== undefined) query.sort = reader.sort(sort)
  if (after !== undefined) query.after = after
  if (search !== undefined) query.search = search
  if (filters.length > 0) query.where = new WireFilter(filters)
  reader.finish()
  return query
}

/** The `fields` and `include` of one row. @throws MonoblocError `invalid_query` */
export function readRowQuery(askable: Askable, parameters: Parameters): Pick<ListQuery, 'fields' | 'include'> {
  const reader = new QueryReader(askable)
  for (const name in parameters) {
    if (name !== 'fields' && name !== 'include')
      reader.refuse(name, 'unknown_parameter', 'is not a parameter here; allowed: fields, include')
    else if (typeof parameters[name] !== 'string') reader.refuse(name, 'repeated', 'is given twice')
  }
  const shape = reader.shape(parameters.fields as string | undefined, parameters.include as string | undefined)
  reader.finish()
  return shape
}

// A list that is included with each row ends here; the resource of the related model has all of them, in pages.
const mostIncluded = 100

class QueryReader {
  readonly #askable: Askable
  readonly #violations: Violation[] = []

  constructor(askable: Askable) {
    this.#askable = askable
  }

  refuse(name: string, code: string, message: string): void {
    this.#violations.push({ path: ['query', name], code, message })
  }

  finish(): void {
    if (this.#violations.length > 0) throw new MonoblocError('invalid_query', { violations: this.#violations })
  }

  limit(text: string | undefined): number {
    const { limits } = this.#askable
    if (text === undefined) return limits.default
    const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0
    if (limit < 1 || limit > limits.max)
      this.refuse('limit', 'out_of_range', `must be a whole number from 1 to ${limits.max}`)
    return limit
  }

  sort(text: string): string[] {
    const { model } = this.#askable
    const sort = text.split(',')
    for (const part of sort) {
      const field = model.fields.get(part.replace(/^-/, '')) as Field | undefined
      const sortable = field && !field.options.writeOnly && field.kind !== 'manyToMany' && field.kind !== 'virtual'
      if (!sortable)
        this.refuse(
          'sort',
          'unknown_field',
          `can't sort by "${part}"; allowed: ${this.#names(['virtual', 'json', 'bytes'])}`,
        )
    }
    return sort
  }

  shape(fields: string | undefined, include: string | undefined): Pick<ListQuery, 'fields' | 'include'> {
    return {
      ...(fields !== undefined && { fields: this.#fields(fields) }),
      ...(include !== undefined && { include: this.#include(include) }),
    }
  }

  #fields(text: string): string[] {
    const { model } = this.#askable
    const names = text.split(',')
    for (const name of names) {
      const field = model.fields.get(name) as Field | undefined
      if (!field || field.kind === 'manyToMany' || field.options.writeOnly) {
        this.refuse('fields', 'unknown_field', `has no field "${name}"; allowed: ${this.#names([])}`)
      }
    }
    return [...new Set(names)]
  }

  #include(text: string): Record<string, object | true> {
    const tree: Included = {}
    for (const path of text.split(',')) {
      const parents = this.#askable.include.some((allowed) => allowed === path || allowed.startsWith(`${path}.`))
      if (!parents) {
        this.refuse(
          'include',
          'unknown_relation',
          `can't include "${path}"; allowed: ${this.#askable.include.join(', ') || 'nothing'}`,
        )
        continue
      }
      let place = tree
      for (const name of path.split('.')) place = place[name] ??= {}
    }
    return includes(this.#askable.schema, this.#askable.model, tree)
  }

  #names(without: string[]): string {
    const fields = [...(this.#askable.model.fields as Map<string, Field>)]
    return fields
      .filter(([, field]) => field.kind !== 'manyToMany' && !field.options.writeOnly && !without.includes(field.kind))
      .map(([name]) => name)
      .join(', ')
  }
}

interface Included {
  [name: string]: Included
}

function includes(schema: Schema, model: AnyModel, tree: Included): Record<string, object | true> {
  return Object.fromEntries(
    Object.entries(tree).map(([name, inner]) => {
      const { to, many } = schema.relation(model, name)!
      const nested = Object.keys(inner).length > 0 ? { include: includes(schema, to, inner) } : {}
      return [name, many ? { ...nested, limit: mostIncluded } : nested]
    }),
  )
}
