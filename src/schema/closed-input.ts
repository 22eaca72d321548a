import { jsonSchemaOf } from './json-schema.ts'
import { isPlainObject } from './plain-object.ts'
import type { StandardIssue, StandardResult, StandardSchemaV1 } from './standard-schema.ts'

interface UnknownKeys extends StandardIssue {
  code: 'unrecognized_keys'
  keys: string[]
  path: PropertyKey[]
}

/** Finds the keys of a value that its schema would drop. */
type Walk = (value: unknown, path: readonly PropertyKey[], found: UnknownKeys[]) => void

/** What Zod 4 says of a schema, by the type that it names. */
interface Definition {
  type: string
  shape: Record<string, Zod>
  catchall?: Zod
  element: Zod
  items: Zod[]
  rest: Zod | null
  valueType: Zod
  innerType: Zod
  in: Zod
  options: Zod[]
  left: Zod
  right: Zod
  getter: () => Zod
}

interface Zod extends StandardSchemaV1 {
  _zod: { def: Definition }
}

const closed = new WeakMap<StandardSchemaV1, StandardSchemaV1>()

/**
 * The same schema, but an object of Zod's that says nothing of other keys (`z.object`, which drops them) refuses them, as
 * `z.strictObject` does. `.loose()` and `.catchall()` take what they say. Schemas of other libraries stay as they are: none
 * of them tells an object that drops keys from one that is open.
 */
export function closedInput(schema: StandardSchemaV1): StandardSchemaV1 {
  let made = closed.get(schema)
  if (!made) {
    const walk = isZod(schema) ? walkOf(schema, new Map()) : undefined
    made = walk ? withWalk(schema, walk) : schema
    closed.set(schema, made)
  }
  return made
}

function isZod(schema: StandardSchemaV1): schema is Zod {
  return schema['~standard'].vendor === 'zod' && '_zod' in schema
}

function withWalk(schema: StandardSchemaV1, walk: Walk): StandardSchemaV1 {
  const validate = (value: unknown) => {
    const found: UnknownKeys[] = []
    walk(value, [], found)
    const result = schema['~standard'].validate(value)
    if (found.length === 0) return result
    const refused = (done: StandardResult<unknown>) => ({ issues: [...(done.issues ?? []), ...found] })
    return result instanceof Promise ? result.then(refused) : refused(result)
  }
  const jsonSchema = {
    input: () => jsonSchemaOf(schema, 'input', true),
    output: () => jsonSchemaOf(schema, 'output'),
  }
  return { '~standard': { version: 1, vendor: 'monobloc', validate, jsonSchema } as StandardSchemaV1['~standard'] }
}

/** Undefined for a schema in which no object drops keys. Schemas may hold themselves: `known` has those that were begun. */
function walkOf(schema: Zod, known: Map<Zod, { walk: Walk | undefined }>): Walk | undefined {
  const begun = known.get(schema)
  if (begun) return (...given) => begun.walk?.(...given)
  const entry: { walk: Walk | undefined } = { walk: undefined }
  known.set(schema, entry)
  const { def } = schema._zod
  const inner = (one: Zod) => walkOf(one, known)
  switch (def.type) {
    case 'object':
      entry.walk = objectWalk(def, inner)
      break
    case 'array':
      entry.walk = listWalk([], inner(def.element))
      break
    case 'tuple':
      entry.walk = listWalk(def.items.map(inner), def.rest ? inner(def.rest) : undefined)
      break
    case 'record':
      entry.walk = recordWalk(inner(def.valueType))
      break
    case 'union':
      entry.walk = unionWalk(def.options, inner)
      break
    case 'intersection':
      entry.walk = bothWalk(inner(def.left), inner(def.right))
      break
    case 'lazy':
      entry.walk = inner(def.getter())
      break
    case 'pipe':
      entry.walk = inner(def.in)
      break
    default:
      // optional, nullable, default, readonly, catch, …; what is transformed first has no inner type.
      if (def.innerType) entry.walk = inner(def.innerType)
  }
  return entry.walk
}

function objectWalk({ shape, catchall }: Definition, inner: (one: Zod) => Walk | undefined): Walk | undefined {
  const walks = new Map(Object.entries(shape).map(([name, one]) => [name, inner(one)]))
  const isClosed = catchall === undefined
  if (!isClosed && [...walks.values()].every((walk) => walk === undefined)) return undefined
  return (value, path, found) => {
    if (!isPlainObject(value)) return
    const keys: string[] = []
    for (const [key, member] of Object.entries(value)) {
      if (walks.has(key)) walks.get(key)?.(member, [...path, key], found)
      else if (isClosed) keys.push(key)
    }
    if (keys.length > 0) found.push({ code: 'unrecognized_keys', keys, path: [...path], message: 'has unknown fields' })
  }
}

function listWalk(items: readonly (Walk | undefined)[], rest: Walk | undefined): Walk | undefined {
  if (!rest && items.every((walk) => walk === undefined)) return undefined
  return (value, path, found) => {
    if (!Array.isArray(value)) return
    for (const [at, item] of value.entries()) (at < items.length ? items[at] : rest)?.(item, [...path, at], found)
  }
}

function recordWalk(walk: Walk | undefined): Walk | undefined {
  if (!walk) return undefined
  return (value, path, found) => {
    if (isPlainObject(value)) for (const [key, member] of Object.entries(value)) walk(member, [...path, key], found)
  }
}

/** A value that one of the alternatives takes whole is right. */
function unionWalk(options: readonly Zod[], inner: (one: Zod) => Walk | undefined): Walk | undefined {
  const walks = options.map(inner)
  if (walks.every((walk) => walk === undefined)) return undefined
  return (value, path, found) => {
    if (typeof value !== 'object' || value === null) return
    let least: UnknownKeys[] | undefined
    for (const [at, option] of options.entries()) {
      const result = option['~standard'].validate(value)
      if (result instanceof Promise) result.catch(() => {})
      else if (!result.issues) {
        const here: UnknownKeys[] = []
        walks[at]?.(value, path, here)
        if (here.length === 0) return
        least ??= here
      }
    }
    // One by one: a large body may have more of them than a call takes arguments.
    for (const one of least ?? []) found.push(one)
  }
}

/** Of two that must both hold, each may name what the other does not. */
function bothWalk(left: Walk | undefined, right: Walk | undefined): Walk | undefined {
  if (!left || !right) return undefined
  return (value, path, found) => {
    const [one, other]: [UnknownKeys[], UnknownKeys[]] = [[], []]
    left(value, path, one)
    right(value, path, other)
    const places = new Map(other.map((issue) => [JSON.stringify(issue.path), issue.keys]))
    for (const issue of one) {
      const keys = issue.keys.filter((key) => places.get(JSON.stringify(issue.path))?.includes(key))
      if (keys.length > 0) found.push({ ...issue, keys })
    }
  }
}
