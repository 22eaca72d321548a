import {
  type AnyModel,
  decimalUnits,
  type Field,
  type MatchedRow,
  type RelatedRows,
  type Relation,
  type Schema,
  valueField,
} from '../../src/schema/index.ts'

// The filter language once more, read straight from its description and as slowly as is plain: it shares nothing with
// the reader, the matcher and the SQL, so that a mistake which those have in common is seen too.

/** How the comparison was come by: the row's own, or beyond a relation. */
export type Crossing = 'own' | 'ref' | 'inverse one' | 'inverse many' | 'link'

export type Visit = (crossing: Crossing, type: string, operator: string, isNull: boolean) => void

export interface Oracle {
  schema: Schema
  related: RelatedRows
  /** Filters that related rows must meet to be seen. */
  restrict: (model: AnyModel) => Record<string, unknown> | undefined
  visit: Visit
}

type Row = MatchedRow
type Filter = Record<string, unknown>

export function oracleMatches(
  oracle: Oracle,
  model: AnyModel,
  filter: Filter,
  row: Row,
  crossing: Crossing = 'own',
): boolean {
  const results = Object.entries(filter).map(([name, value]) => {
    if (name === 'and') return list(value).every((inner) => oracleMatches(oracle, model, inner, row, crossing))
    if (name === 'or') return list(value).some((inner) => oracleMatches(oracle, model, inner, row, crossing))
    if (name === 'not') return !oracleMatches(oracle, model, list(value)[0]!, row, crossing)
    const relation = oracle.schema.relation(model, name)
    if (relation?.many) return meetsMany(oracle, relation, value as Filter, row)
    if (relation) return meetsOne(oracle, relation, value, row, crossing)
    const field = model.fields.get(name)!
    if (field.kind === 'json') return meetsJson(oracle, row[name], value, crossing)
    return meets(oracle, field, row[name], value, crossing)
  })
  return results.every(Boolean)
}

function list(value: unknown): Filter[] {
  return Array.isArray(value) ? value : [value as Filter]
}

function crossingOf(relation: Relation): Crossing {
  if (relation.via.kind === 'ref') return 'ref'
  if (relation.via.kind === 'link') return 'link'
  return relation.many ? 'inverse many' : 'inverse one'
}

function visibleRows(oracle: Oracle, relation: Relation, row: Row): readonly Row[] {
  const policy = oracle.restrict(relation.to)
  const silent = { ...oracle, visit: () => {}, restrict: () => undefined }
  return oracle
    .related(relation, row)
    .filter((other) => !isDeleted(relation.to, other))
    .filter((other) => !policy || oracleMatches(silent, relation.to, policy, other))
}

function isDeleted(model: AnyModel, row: Row): boolean {
  return model.fields.has('deletedAt') && row.deletedAt !== null
}

function meetsMany(oracle: Oracle, relation: Relation, quantities: Filter, row: Row): boolean {
  const rows = visibleRows(oracle, relation, row)
  const crossing = crossingOf(relation)
  const results = Object.entries(quantities).map(([quantity, value]) => {
    if (quantity === 'count') {
      oracle.visit(crossing, 'rows', 'count', rows.length === 0)
      return operators(value).every(([operator, against]) => compare('integer', rows.length, operator, against))
    }
    oracle.visit(crossing, 'rows', quantity, rows.length === 0)
    const met = rows.map((other) => oracleMatches(oracle, relation.to, value as Filter, other, crossing))
    if (quantity === 'some') return met.includes(true)
    return quantity === 'every' ? !met.includes(false) : !met.includes(true)
  })
  return results.every(Boolean)
}

const keyOperators = ['eq', 'ne', 'in', 'nin', 'null', 'gt', 'gte', 'lt', 'lte', 'between']

function meetsOne(oracle: Oracle, relation: Relation, value: unknown, row: Row, crossing: Crossing): boolean {
  const key = relation.to.fields.get('id')!
  const others = visibleRows(oracle, relation, row)
  const held = relation.via.kind === 'ref' ? row[relation.via.field] : (others[0]?.id ?? null)
  const at = relation.via.kind === 'ref' ? crossing : crossingOf(relation)
  if (!isObject(value)) return meets(oracle, key, held, value, at, relation.via.kind === 'ref' ? 'ref' : 'inverse')
  const entries = Object.entries(value)
  const isOperator = ([name]: [string, unknown]) => keyOperators.includes(name)
  const ofKey = entries.filter(isOperator)
  const inner = entries.filter((entry) => !isOperator(entry))
  const keyMet =
    ofKey.length === 0 ||
    meets(oracle, key, held, Object.fromEntries(ofKey), at, relation.via.kind === 'ref' ? 'ref' : 'inverse')
  if (inner.length === 0 && ofKey.length > 0) return keyMet
  const to = crossingOf(relation)
  oracle.visit(to, 'row', 'filter', others.length === 0)
  return others.some((other) => oracleMatches(oracle, relation.to, Object.fromEntries(inner), other, to)) && keyMet
}

function isObject(value: unknown): value is Filter {
  return typeof value === 'object' && value !== null && !(value instanceof Date) && !(value instanceof Uint8Array)
}

function operators(value: unknown): [string, unknown][] {
  return isObject(value) && !Array.isArray(value) ? Object.entries(value) : [['eq', value]]
}

function meets(oracle: Oracle, field: Field, held: unknown, value: unknown, crossing: Crossing, as?: string): boolean {
  const { kind, options } = valueField(field)
  const type = kind === 'decimal' ? `decimal ${options.scale}` : kind
  return operators(value)
    .map(([operator, against]) => {
      oracle.visit(crossing, as ?? kind, operator, held === null)
      return compare(type, held, operator, against)
    })
    .every(Boolean)
}

/** The value in a form that orders and equals as the type says: lists of code points, whole units, milliseconds. */
function plain(type: string, value: unknown): unknown {
  if (value === null) return null
  if (type.startsWith('decimal')) return decimalUnits(String(value), Number(type.slice(8)))
  if (type === 'bigint') return BigInt(value as string)
  if (type === 'timestamp') return new Date(value as string).getTime()
  if (type === 'bytes')
    return Buffer.from(value as string, typeof value === 'string' ? 'base64' : undefined).toString('hex')
  return value
}

function order(a: unknown, b: unknown): number {
  if (typeof a === 'string' && typeof b === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(b))
  return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0
}

function compare(type: string, left: unknown, operator: string, right: unknown): boolean {
  const a = plain(type, left)
  const is = (value: unknown) => (a === null || value === null ? a === value : order(a, plain(type, value)) === 0)
  const known = (holds: () => boolean) => a !== null && right !== null && holds()
  switch (operator) {
    case 'null':
      return (a === null) === right
    case 'eq':
      return is(right)
    case 'ne':
      return !is(right)
    case 'in':
      return (right as unknown[]).some(is)
    case 'nin':
      return !(right as unknown[]).some(is)
    case 'gt':
      return known(() => order(a, plain(type, right)) > 0)
    case 'gte':
      return known(() => order(a, plain(type, right)) >= 0)
    case 'lt':
      return known(() => order(a, plain(type, right)) < 0)
    case 'lte':
      return known(() => order(a, plain(type, right)) <= 0)
    case 'between': {
      const [least, most] = right as [unknown, unknown]
      return compare(type, left, 'gte', least) && compare(type, left, 'lte', most)
    }
    default:
      return known(() => meetsText(a as string, operator, right as string))
  }
}

/** Code point by code point; two are the same without case when a regular expression with `iu` says so. */
function meetsText(text: string, operator: string, part: string): boolean {
  const all = Array.from(text)
  const wanted = Array.from(part)
  const blind = operator.startsWith('i')
  const same = (a: string, b: string) =>
    a === b || (blind && new RegExp(`^\\u{${a.codePointAt(0)!.toString(16)}}$`, 'iu').test(b))
  const fits = (at: number) =>
    at >= 0 && wanted.every((point, index) => at + index < all.length && same(point, all[at + index]!))
  if (operator.toLowerCase().endsWith('startswith')) return fits(0)
  if (operator.toLowerCase().endsWith('endswith')) return fits(all.length - wanted.length)
  return Array.from({ length: all.length + 1 }, (_, at) => at).some(fits)
}

function meetsJson(oracle: Oracle, held: unknown, value: unknown, crossing: Crossing, at = 'json'): boolean {
  const results = operators(value).map(([operator, against]) => {
    if (operator === 'path') {
      const places = Object.entries(against as Filter)
      return places.every(([place, inner]) => meetsJson(oracle, reach(held, place), inner, crossing, 'json place'))
    }
    oracle.visit(crossing, `${at}${jsonTypeOf(operator, against)}`, operator, (held ?? null) === null)
    return compareJson(held ?? null, operator, against)
  })
  return results.every(Boolean)
}

const typedOperators = ['eq', 'ne', 'gt', 'gte', 'lt', 'lte', 'has']

/** The JSON type that a comparison asks for, of those operators that take several. */
function jsonTypeOf(operator: string, against: unknown): string {
  if (against === null || !typedOperators.includes(operator)) return ''
  return ` ${Array.isArray(against) ? 'array' : typeof against}`
}

function reach(document: unknown, place: string): unknown {
  let value: any = document
  for (const [, quoted, index, name] of place.matchAll(/"([^"]*)"|\[(\d+)\]|([^."[\]]+)/g)) {
    const step = index ?? quoted ?? name!
    const isThere = typeof value === 'object' && value !== null && Array.isArray(value) === (index !== undefined)
    value = isThere && Object.hasOwn(value, step) ? value[step] : null
  }
  return value
}

function compareJson(held: unknown, operator: string, against: unknown): boolean {
  switch (operator) {
    case 'eq':
      return canonical(held) === canonical(against)
    case 'ne':
      return canonical(held) !== canonical(against)
    case 'in':
      return (against as unknown[]).some((member) => canonical(member) === canonical(held))
    case 'nin':
      return !(against as unknown[]).some((member) => canonical(member) === canonical(held))
    case 'null':
      return (held === null) === against
    case 'has':
      return Array.isArray(held) && held.some((member) => canonical(member) === canonical(against))
    case 'length':
      return operators(against).every(([inner, value]) =>
        compare('integer', Array.isArray(held) ? held.length : null, inner, value),
      )
    case 'between':
      return compareJson(held, 'gte', (against as unknown[])[0]) && compareJson(held, 'lte', (against as unknown[])[1])
    default:
      return (
        typeof held === typeof against &&
        (typeof held === 'string' || typeof held === 'number') &&
        compare('json', held, operator, against)
      )
  }
}

function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join()}]`
  if (typeof value !== 'object' || value === null) return JSON.stringify(value === 0 ? 0 : value)
  const names = Object.keys(value).sort()
  return `{${names.map((name) => `${JSON.stringify(name)}:${canonical((value as Filter)[name])}`).join()}}`
}
