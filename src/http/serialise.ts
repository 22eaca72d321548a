import { MonoblocError } from '../errors.ts'
import type { JsonSchema } from '../schema/index.ts'
import { JsonText } from './answer.ts'
import * as values from './serialise-values.ts'

export type Serialise = (value: unknown) => string

/**
 * Compiles a JSON Schema (2020-12) into a function that writes values of it as JSON. Only what the schema names leaves:
 * an object without `additionalProperties` has no others. Types, `required`, `enum` and `const` are checked on the way;
 * bounds, patterns and formats are not, they were when the data came in. Instants, bigints and bytes become text.
 *
 * It writes source code, because a function that knows its keys is several times faster than one that walks a schema.
 * What it writes from a schema are keys only, as JSON text. The functions copy what leaves, and JSON.stringify writes the
 * copy: it writes plain objects without dates twice as fast as any JavaScript joins their texts.
 *
 * The function throws MonoblocError `response_invalid` for a value that does not fit.
 */
export function compileSerialiser(schema: JsonSchema): Serialise {
  const compiler = new Compiler(schema)
  const root = compiler.functionFor(schema, '')
  const source = `${[...compiler.functions.values()].join('\n')}\nreturn ${root}`
  const compiled = new Function('v', 'constants', 'JsonText', source)
  const using = (own: typeof values) => compiled(own, compiler.constants, JsonText) as (value: unknown) => unknown
  const copy = using(values)
  return (value) => {
    const leaving = copy(value)
    try {
      return JSON.stringify(leaving)
    } catch (cause) {
      // What may be anything is not looked into on the way: this says where it was.
      using({ ...values, any: values.checkedAny })(value)
      throw values.mismatch('', 'JSON', value, cause)
    }
  }
}

class Compiler {
  readonly functions = new Map<string, string>()
  readonly constants: unknown[] = []
  readonly #root: JsonSchema
  readonly #named = new Map<JsonSchema, string>()
  readonly #mergedOf = new Map<JsonSchema, JsonSchema>()

  constructor(root: JsonSchema) {
    this.#root = root
  }

  /** The name of the function that copies values of a schema. Known before its body is, so that schemas may recur. */
  functionFor(schema: JsonSchema, where: string): string {
    const known = this.#named.get(schema)
    if (known) return known
    const name = `f${this.#named.size}`
    this.#named.set(schema, name)
    this.functions.set(name, '')
    this.functions.set(name, `function ${name}(x) {${this.#body(schema, where)}}`)
    return name
  }

  #body(schema: JsonSchema, where: string): string {
    const type = typeOf(schema)
    if (type === 'object') return this.#object(schema, where)
    if (type === 'array') return this.#array(schema, where)
    return `return ${this.#expression(schema, 'x', where)}`
  }

  /** An expression that gives what leaves of the value that the expression `x` gives. */
  #expression(schema: JsonSchema, x: string, where: string): string {
    const at = JSON.stringify(where)
    if (typeof schema.$ref === 'string') return `${this.functionFor(this.#resolve(schema.$ref), where)}(${x})`
    if ('const' in schema) return `v.oneOf(${x}, ${this.#constant(new Set([schema.const]))}, ${at})`
    if (Array.isArray(schema.enum)) return `v.oneOf(${x}, ${this.#constant(new Set(schema.enum))}, ${at})`
    const branches = (schema.anyOf ?? schema.oneOf) as JsonSchema[] | undefined
    if (branches) return this.#union(branches, x, where)
    // Beside another type `allOf` only bounds it, as several patterns of one text do.
    const merges = Array.isArray(schema.allOf) && (schema.type ?? 'object') === 'object'
    if (merges) return `${this.functionFor(this.#merged(schema), where)}(${x})`
    if (Array.isArray(schema.type))
      return this.#union(
        schema.type.map((type) => ({ ...schema, type })),
        x,
        where,
      )
    switch (typeOf(schema)) {
      case 'object':
      case 'array':
        return `${this.functionFor(schema, where)}(${x})`
      case 'string':
        return `v.${schema.contentEncoding === 'base64' ? 'base64' : schema.format === 'date' ? 'day' : 'text'}(${x}, ${at})`
      case 'integer':
        return `v.whole(${x}, ${at})`
      case 'number':
        return `v.number(${x}, ${at})`
      case 'boolean':
        return `v.truth(${x}, ${at})`
      case 'null':
        return `v.nothing(${x}, ${at})`
      default:
        return `v.any(${x}, ${at})`
    }
  }

  #object(schema: JsonSchema, where: string): string {
    const properties = Object.entries((schema.properties ?? {}) as Record<string, JsonSchema>)
    const required = new Set(schema.required as string[] | undefined)
    const members = properties.map(([key, property]) => {
      const name = JSON.stringify(key)
      const leaving = this.#expression(property, 'p', `${where}/${key}`)
      // Between brackets the one name that means something else is a name. What is undefined JSON.stringify leaves out.
      return `${key === '__proto__' ? `[${name}]` : name}: (p = x[${name}], ${required.has(key) ? leaving : `p === undefined ? p : ${leaving}`})`
    })
    let code = `let p; const t = {${members.join(',\n')}}`
    const others = schema.additionalProperties ?? (properties.length ? false : {})
    if (others !== false) {
      const keys = this.#constant(new Set(properties.map(([key]) => key)))
      const one = this.#expression(others === true ? {} : (others as JsonSchema), 'p', `${where}/*`)
      code += `\nfor (const k of Object.keys(x)) { p = x[k]; if (p !== undefined && !${keys}.has(k)) v.put(t, k, ${one}) }`
    }
    const check = `if (typeof x !== "object" || x === null || Array.isArray(x) || x instanceof JsonText) return v.given(x, ${JSON.stringify(where)}, "an object")`
    return `${check}\n${code}\nreturn t`
  }

  #array(schema: JsonSchema, where: string): string {
    const at = JSON.stringify(where)
    const first = ((schema.prefixItems ?? []) as JsonSchema[]).map((item, index) =>
      this.#expression(item, `x[${index}]`, `${where}/${index}`),
    )
    const rest =
      schema.items === false ? undefined : this.#expression((schema.items ?? {}) as JsonSchema, 'x[i]', `${where}/[]`)
    const count = first.length
    let code = `if (!Array.isArray(x)) return v.given(x, ${at}, "a list")`
    if (count) code += `\nif (x.length < ${count}) return v.given(undefined, ${at}, "a list of ${count}")`
    code += `\nconst t = [${first.join()}]`
    if (rest) code += `\nfor (let i = ${count}; i < x.length; i++) t.push(${rest})`
    return `${code}\nreturn t`
  }

  #union(branches: JsonSchema[], x: string, where: string): string {
    const others = branches.filter((branch) => branch.type !== 'null')
    const orNull = others.length < branches.length
    const one =
      others.length === 1
        ? this.#expression(others[0]!, x, where)
        : `v.union(${x}, [${others.map((branch) => this.functionFor(branch, where)).join()}], ${JSON.stringify(where)})`
    return orNull ? `(${x} === null ? null : ${one})` : one
  }

  /** The objects of `allOf` as one. Made once for each, since it may lead back to itself. */
  #merged(schema: JsonSchema): JsonSchema {
    const known = this.#mergedOf.get(schema)
    if (known) return known
    const parts = (schema.allOf as JsonSchema[]).map((part) =>
      typeof part.$ref === 'string' ? this.#resolve(part.$ref) : part,
    )
    const open = parts.find((part) => part.additionalProperties !== undefined && part.additionalProperties !== false)
    const one: JsonSchema = {
      type: 'object',
      properties: Object.assign({}, ...parts.map((part) => part.properties)),
      required: parts.flatMap((part) => (part.required ?? []) as string[]),
      ...(open ? { additionalProperties: open.additionalProperties } : {}),
    }
    this.#mergedOf.set(schema, one)
    return one
  }

  #constant(value: unknown): string {
    return `constants[${this.constants.push(value) - 1}]`
  }

  #resolve(reference: string): JsonSchema {
    const parts = reference.split('/').slice(1)
    let found: unknown = this.#root
    for (const part of parts)
      found = (found as JsonSchema | undefined)?.[part.replaceAll('~1', '/').replaceAll('~0', '~')]
    if (!reference.startsWith('#') || typeof found !== 'object' || found === null) {
      throw new MonoblocError('definition_invalid', { detail: `${reference} in a schema of returns leads nowhere.` })
    }
    return found as JsonSchema
  }
}

/** A schema of one type, or undefined: of none, or of several. */
function typeOf(schema: JsonSchema): unknown {
  if (schema.type !== undefined || schema.$ref !== undefined || schema.allOf !== undefined) return schema.type
  return schema.properties ? 'object' : schema.items || schema.prefixItems ? 'array' : undefined
}
