import type { JsonSchema } from '../schema/index.ts'
import { closedText, targetOf } from './openapi-closed.ts'
import { pascal, singular } from './openapi-names.ts'

// Where a schema holds others: one, a list of them, or one under each name. Everything else in it is plain values.
const single = new Set(
  'items additionalProperties contains propertyNames not if then else unevaluatedItems unevaluatedProperties'.split(
    ' ',
  ),
)
const listed = new Set(['anyOf', 'oneOf', 'allOf', 'prefixItems'])
const named = new Set(['properties', 'patternProperties', 'dependentSchemas'])

/** What a schema could be called. Better ones are given first, so that they are not taken when their turn comes. */
interface Hint {
  name: string
  kind: 'said' | 'property' | 'item' | 'place'
}
const kinds: readonly Hint['kind'][] = ['said', 'property', 'item', 'place']

/** One object that the document describes, however often it occurs. */
class Shape {
  /** With shapes in the place of the objects inside it. */
  body: JsonSchema = {}
  uses = 0
  /** It has a name of its own, or contains itself: always a component. */
  fixed: boolean
  /** While its body is built: what leads back to it from inside says nothing of what it is. */
  open = true
  component: string | undefined
  readonly #hints: Hint[] = []

  constructor(fixed: boolean) {
    this.fixed = fixed
  }

  hint(hints: readonly Hint[]): void {
    for (const hint of hints) if (hint.name !== '') this.#hints.push(hint)
  }

  /** What it could be called, the best first. */
  get hints(): Hint[] {
    return this.#hints.toSorted((a, b) => kinds.indexOf(a.kind) - kinds.indexOf(b.kind))
  }
}

/** Where a whole schema stands in the document. */
export interface SchemaPlace {
  direction: 'request' | 'response'
  /** What it could be called when nothing better is known, the best first: `['Article', 'CreateArticleResponse']`. */
  names: readonly string[]
}

interface Within {
  root: JsonSchema
  place: SchemaPlace
}

/**
 * The schemas of one document. Objects that are the same are described once: those that occur more than once, have a
 * name or contain themselves become components. `add` every schema, then ask for `components`, then `resolve` what `add`
 * gave.
 */
export class DocumentSchemas {
  readonly #shapes = new Map<string, Shape>()
  readonly #known = new Map<string, string>()
  readonly #taken: Set<string>

  /** @param reserved names that the document uses for components of its own */
  constructor(reserved: Iterable<string> = []) {
    this.#taken = new Set(reserved)
  }

  /** Gives every object that is the same as this one a name. It is a component only where one occurs. */
  name(schema: JsonSchema, name: string): void {
    const key = closedText(schema, schema)
    if (!this.#known.has(key)) this.#known.set(key, pascal(name))
  }

  /** Takes a schema in. What it gives is to be resolved once every schema has been added. */
  add(schema: JsonSchema, place: SchemaPlace): unknown {
    return this.#build(schema, { root: schema, place }, hintsOf(schema, place))
  }

  /** Every component by name, in alphabetical order. */
  components(): Record<string, JsonSchema> {
    const kept = [...this.#shapes.values()].filter((shape) => shape.fixed || shape.uses > 1)
    for (const kind of kinds) {
      for (const shape of kept) if ((shape.hints[0]?.kind ?? 'place') === kind) shape.component = this.#free(shape)
    }
    const sorted = kept.toSorted((a, b) => (a.component! < b.component! ? -1 : 1))
    return Object.fromEntries(sorted.map((shape) => [shape.component!, this.resolve(shape.body) as JsonSchema]))
  }

  /** What `add` gave, with references to components in it. */
  resolve(value: unknown): unknown {
    if (value instanceof Shape) {
      return value.component ? { $ref: `#/components/schemas/${value.component}` } : this.resolve(value.body)
    }
    if (Array.isArray(value)) return value.map((item) => this.resolve(item))
    if (typeof value !== 'object' || value === null) return value
    return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, this.resolve(inner)]))
  }

  #build(schema: unknown, within: Within, hints: readonly Hint[]): unknown {
    if (typeof schema !== 'object' || schema === null) return schema
    const one = schema as JsonSchema
    if (typeof one.$ref === 'string' && one.$ref.startsWith('#')) {
      // Zod gives schemas without an id such names.
      const said = /\/\$defs\/(?!__schema)([^/]+)$/.exec(one.$ref)?.[1]
      return this.#shape(targetOf(within.root, one.$ref), within, said ? saidHints(said, within) : hints, true)
    }
    const isObject = one.type === 'object' && Object.keys(one.properties ?? {}).length > 0
    if (!isObject) return this.#body(one, within, hints)
    if (typeof one.title === 'string') return this.#shape(one, within, saidHints(one.title, within), true)
    return this.#shape(one, within, hints, false)
  }

  #shape(schema: JsonSchema, within: Within, hints: readonly Hint[], fixed: boolean): Shape {
    const key = closedText(schema, within.root)
    let shape = this.#shapes.get(key)
    if (!shape) {
      const known = this.#known.get(key)
      shape = new Shape(fixed || known !== undefined)
      if (known) shape.hint([{ name: known, kind: 'said' }])
      // Kept before its body is built, which may lead back here.
      this.#shapes.set(key, shape)
      shape.body = this.#body(schema, within, [])
      shape.open = false
    }
    shape.uses++
    shape.fixed ||= fixed
    if (!shape.open) shape.hint(hints)
    return shape
  }

  #body(schema: JsonSchema, within: Within, hints: readonly Hint[]): JsonSchema {
    const body: JsonSchema = {}
    for (const [keyword, value] of Object.entries(schema)) {
      if (named.has(keyword)) body[keyword] = this.#properties(value as JsonSchema, within)
      else if (listed.has(keyword)) body[keyword] = (value as unknown[]).map((one) => this.#build(one, within, hints))
      else if (single.has(keyword)) body[keyword] = this.#build(value, within, hints.map(asItem))
      else if (keyword !== '$defs' && keyword !== '$schema' && keyword !== '$id') body[keyword] = value
    }
    // Some readers of OpenAPI want to be told of what a list may be, even if it is anything.
    if ([body.type].flat().includes('array') && !body.items && !body.prefixItems) body.items = {}
    return body
  }

  #properties(properties: JsonSchema, within: Within): JsonSchema {
    const entries = Object.entries(properties).map(([name, property]) => [
      name,
      this.#build(property, within, [{ name: pascal(name), kind: 'property' }]),
    ])
    return Object.fromEntries(entries)
  }

  #free({ hints }: Shape): string {
    const base = hints[0]?.name ?? 'Schema'
    let name = hints.find((hint) => !this.#taken.has(hint.name))?.name ?? base
    for (let count = 2; this.#taken.has(name); count++) name = `${base}${count}`
    this.#taken.add(name)
    return name
  }
}

/** A schema with one name may be two shapes: what comes in is less strict than what leaves. */
function saidHints(name: string, { place }: Within): Hint[] {
  const said = pascal(name)
  const input: Hint[] = place.direction === 'request' ? [{ name: `${said}Input`, kind: 'said' }] : []
  return [{ name: said, kind: 'said' }, ...input]
}

// What it holds, and a count or a cursor or two beside it.
const mostOfWrapper = 3

/** `{ articles: [article] }` of a response is an `ArticlesResponse`; anything else is called after its place. */
function hintsOf(schema: JsonSchema, { direction, names }: SchemaPlace): Hint[] {
  const properties = Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>)
  const [first, content] = properties.length <= mostOfWrapper ? (properties[0] ?? []) : []
  const holds = content !== undefined && (content.type === 'object' || content.type === 'array' || '$ref' in content)
  const suffix = direction === 'request' ? 'Request' : 'Response'
  const all = holds ? [pascal(first!) + suffix, ...names] : names
  return all.map((name) => ({ name: pascal(name), kind: 'place' }))
}

function asItem({ name, kind }: Hint): Hint {
  return { name: singular(name), kind: kind === 'property' ? 'item' : kind }
}
