import type { Field } from './field.ts'
import { operandOf } from './filter-operator.ts'
import { filterableNames } from './filter-parse.ts'
import { listed } from './filter-reading.ts'
import type { ColumnType } from './kind.ts'
import type { AnyModel } from './model.ts'
import type { Relation, Schema } from './schema.ts'

/** Where a parameter's value stands in the filter: the path ends with an operator. */
export interface QueryParameter {
  path: string[]
  value: unknown
}

/** What is wrong; an empty problem: there is no such parameter. */
export interface QueryProblem {
  problem: string
  code: string
}

interface Step {
  name: string
  bracket: boolean
}

// As many as the levels of a filter and a place in a document together.
const mostSteps = 40

/** Reads `price[gte]` and its value, as far as the types of fields are needed for it; the filter's reader does the rest. */
export function buildParameter(
  schema: Schema,
  model: AnyModel,
  name: string,
  text: string,
  crossings: number,
): QueryParameter | QueryProblem {
  const steps = stepsOf(name)
  if (!steps)
    return { problem: 'must look like field, field[operator] or relation.field[operator]', code: 'unknown_field' }
  return build({ schema, text, path: [] }, model, steps, crossings)
}

/** `a.b[c]` and `a[b][c]`, as one list; undefined when it is neither. */
function stepsOf(name: string): Step[] | undefined {
  const steps: Step[] = []
  const pattern = /(?:^|\.)([^.[\]]+)|\[([^[\]]+)\]/uy
  if (name.startsWith('.')) return undefined
  while (pattern.lastIndex < name.length) {
    const found = pattern.exec(name)
    if (!found || steps.length >= mostSteps) return undefined
    steps.push({ name: found[1] ?? found[2]!, bracket: found[1] === undefined })
  }
  return steps.length > 0 && !steps[0]!.bracket ? steps : undefined
}

interface Building {
  schema: Schema
  text: string
  path: string[]
}

type Built = QueryParameter | QueryProblem

function build(building: Building, model: AnyModel, steps: Step[], crossings: number): Built {
  const { schema, path } = building
  const [step, ...rest] = steps
  const name = step!.name
  if (!filterableNames(schema, model).includes(name)) return unknown(building, model, name)
  path.push(name)
  const relation = schema.relation(model, name)
  if (relation?.many) return buildMany(building, relation, rest, crossings)
  const field = model.fields.get(name) as Field | undefined
  if (relation) return buildOne(building, relation, field, rest, crossings)
  if (field!.kind === 'json') return buildJson(building, rest)
  const { type, operators } = operandOf(field!)
  return operand(building, type, operators, rest)
}

function unknown({ schema, path }: Building, model: AnyModel, name: string): Built {
  if (name === 'and' || name === 'or' || name === 'not') {
    return { problem: `can't be said in a query string: send the filter as JSON with QUERY`, code: 'unknown_field' }
  }
  const problem = `${name} is not a field of ${model.name}; allowed: ${listed(filterableNames(schema, model))}`
  return { problem: path.length === 0 ? '' : problem, code: 'unknown_field' }
}

function buildOne(
  building: Building,
  relation: Relation,
  field: Field | undefined,
  rest: Step[],
  crossings: number,
): Built {
  const key = field ?? relation.to.fields.get(relation.to.key[0]!)!
  const { type, operators } = operandOf(key)
  const isField = rest.length > 0 && filterableNames(building.schema, relation.to).includes(rest[0]!.name)
  if (rest.length === 0 || (!isField && operators.includes(rest[0]!.name))) {
    return operand(building, type, operators, rest)
  }
  return crossings > 0 ? build(building, relation.to, rest, crossings - 1) : tooFar()
}

function tooFar(): QueryProblem {
  return { problem: 'crosses too many relations: send the filter as JSON with QUERY', code: 'too_deep' }
}

function buildMany(building: Building, relation: Relation, rest: Step[], crossings: number): Built {
  const [quantity, ...inner] = rest
  if (quantity?.name === 'count') {
    building.path.push('count')
    const operators = ['eq', 'ne', 'in', 'nin', 'gt', 'gte', 'lt', 'lte', 'between']
    return operand(building, { type: 'integer' }, operators, inner)
  }
  if (!quantity || !['some', 'every', 'none'].includes(quantity.name)) {
    return {
      problem: 'must go on with some, every, none or count: tags.some.name, tags[count]',
      code: 'unknown_operator',
    }
  }
  if (inner.length === 0) return { problem: `must go on with a field of ${relation.to.name}`, code: 'unknown_operator' }
  building.path.push(quantity.name)
  return crossings > 0 ? build(building, relation.to, inner, crossings - 1) : tooFar()
}

/** Dots and numbers in brackets lead into the document, words in brackets are operators. */
function buildJson(building: Building, rest: Step[]): Built {
  const isInside = (step: Step) => !step.bracket || /^\d+$/.test(step.name)
  const end = rest.findIndex((step) => !isInside(step))
  const inside = end === -1 ? rest : rest.slice(0, end)
  const operators = end === -1 ? [] : rest.slice(end)
  if (inside.length > 0) {
    const place = inside.map((step, at) => (step.bracket ? `[${step.name}]` : `${at ? '.' : ''}${quoted(step.name)}`))
    building.path.push('path', place.join(''))
  }
  if (operators[0]?.name === 'length') {
    building.path.push('length')
    return operand(building, { type: 'integer' }, undefined, operators.slice(1))
  }
  return operand(building, { type: 'json' }, undefined, operators)
}

function quoted(name: string): string {
  return /[\s"'\\]/.test(name) ? `"${name}"` : name
}

/** The value for an operator, or for `eq` where none is named. Names that are no operator are left to the filter's reader. */
function operand(building: Building, type: ColumnType, operators: readonly string[] | undefined, rest: Step[]): Built {
  const { path, text } = building
  if (rest.length > 1 || (rest.length === 1 && operators && !operators.includes(rest[0]!.name))) {
    const wrong = rest.map((step) => step.name).join('.')
    const instead = operators ? `; allowed: ${listed(operators)}` : ''
    return { problem: `${wrong} is not an operator here${instead}`, code: 'unknown_operator' }
  }
  const operator = rest[0]?.name ?? 'eq'
  path.push(operator)
  if (operator === 'null') return { path, value: valueOfText({ type: 'boolean' }, text) }
  if (operator === 'in' || operator === 'nin' || operator === 'between') {
    return { path, value: splitList(text).map((item) => valueOfText(type, item)) }
  }
  return { path, value: valueOfText(type, text) }
}

/** Splits at commas; `\,` and `\\` stand for the character itself. */
function splitList(text: string): string[] {
  const items = ['']
  for (const part of text.match(/\\[\\,]|[\s\S]/gu) ?? []) {
    if (part === ',') items.push('')
    else items[items.length - 1] += part.length === 2 && part.startsWith('\\') ? part.slice(1) : part
  }
  return items
}

const numberPattern = /^-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?$/

/** The text as JSON would have the value; as it is, to be refused later, when it does not read as one. */
function valueOfText(type: ColumnType, text: string): unknown {
  switch (type.type) {
    case 'integer':
    case 'serial':
    case 'float':
      return numberPattern.test(text) ? Number(text) : text
    case 'boolean':
      return text === 'true' ? true : text === 'false' ? false : text
    case 'bytes': {
      const base64 = text.replaceAll('-', '+').replaceAll('_', '/')
      return base64.padEnd(base64.length + ((4 - (base64.length % 4)) % 4), '=')
    }
    case 'json':
      return scalarOfText(text)
    default:
      return text
  }
}

function scalarOfText(text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    return value === null || typeof value === 'object' ? text : value
  } catch {
    return text
  }
}
