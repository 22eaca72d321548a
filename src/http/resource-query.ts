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

type ListParameter = 'sort' | 'limit' | 'after' | 'include' | 'fields' | 'search'
const listParameters = new Set<string>([
  'sort',
  'limit',
  'after',
  'include',
  'fields',
  'search',
] satisfies ListParameter[])

/** @throws MonoblocError `invalid_query` with every violation */
export function readListQuery(askable: Askable, parameters: Parameters): ListQuery {
  const reader = new QueryReader(askable)
  const query: ListQuery = { limit: askable.limits.default }
  const filters: [string, string][] = []
  for (const name in parameters) {
    const given = parameters[name]!
    if (!listParameters.has(name))
      for (const value of typeof given === 'string' ? [given] : given) filters.push([name, value])
    else if (typeof given === 'string') reader.take(query, name as ListParameter, given)
    else reader.refuse(name, 'repeated', 'is given twice')
  }
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
  const { fields, include } = parameters as { fields?: string; include?: string }
  const query: ReturnType<typeof readRowQuery> = {}
  if (fields !== undefined) reader.take(query, 'fields', fields)
  if (include !== undefined) reader.take(query, 'include', include)
  reader.finish()
  return query
}

// A list that is included with each row ends here; the resource of the related model has all of them, in pages.
const mostIncluded = 100

// Enough to correct a query by: each tells all names that there are.
const mostViolations = 20
// As `fields` of a QUERY.
const mostNames = 100

const unsortable: readonly string[] = ['manyToMany', 'virtual', 'json', 'bytes']

class QueryReader {
  readonly #askable: Askable
  readonly #violations: Violation[] = []

  constructor(askable: Askable) {
    this.#askable = askable
  }

  refuse(name: string, code: string, message: string): void {
    this.#violations.push({ path: ['query', name], code, message })
    if (this.#violations.length >= mostViolations) this.finish()
  }

  finish(): void {
    if (this.#violations.length > 0) throw new MonoblocError('invalid_query', { violations: this.#violations })
  }

  take(query: Partial<ListQuery>, name: ListParameter, text: string): void {
    switch (name) {
      case 'limit':
        query.limit = this.#limit(text)
        break
      case 'sort':
        query.sort = this.#sort(text)
        break
      case 'fields':
        query.fields = this.#fields(text)
        break
      case 'include':
        query.include = this.#include(text)
        break
      case 'search':
        query.search = this.#search(text)
        break
      case 'after':
        query.after = text
    }
  }

  #limit(text: string): number {
    const { limits } = this.#askable
    const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0
    if (limit < 1 || limit > limits.max)
      this.refuse('limit', 'out_of_range', `must be a whole number from 1 to ${limits.max}`)
    return limit
  }

  #list(name: string, text: string): string[] {
    const names = text.split(',', mostNames + 1)
    if (names.length <= mostNames) return names
    this.refuse(name, 'too_many', `must have at most ${mostNames} names`)
    return []
  }

  #sort(text: string): string[] {
    const { model } = this.#askable
    const sort = this.#list('sort', text)
    for (const part of sort) {
      const field = model.fields.get(part.replace(/^-/, '')) as Field | undefined
      if (!field || field.options.writeOnly || unsortable.includes(field.kind))
        this.refuse('sort', 'unknown_field', `can't sort by "${part}"; allowed: ${this.#names(unsortable)}`)
    }
    return sort
  }

  #search(text: string): string {
    if (!this.#askable.model.options.search) this.refuse('search', 'unknown_parameter', 'is not possible here')
    return text
  }

  #fields(text: string): string[] {
    const { model } = this.#askable
    const names = this.#list('fields', text)
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
    for (const path of this.#list('include', text)) {
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

  #names(without: readonly string[]): string {
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
