import type { JsonSchema } from '../schema/index.ts'
import { targetOf } from './openapi-closed.ts'
import { type Html, html, prose } from './reference-html.ts'

// What is nested deeper is linked to the list of schemas, so that a page grows with its operations and not with their depth.
const deepest = 4

/** How schemas are shown to people: what they are in a few words, and the fields of objects below. */
export class SchemaView {
  readonly #document: JsonSchema
  readonly #stars: boolean

  /** @param stars whether required fields are marked: in what clients send, they are what must be known */
  constructor(document: JsonSchema, stars: boolean) {
    this.#document = document
    this.#stars = stars
  }

  /** A schema in words: `string, email, 1 to 40 characters`. */
  words(schema: JsonSchema): string {
    if (typeof schema.$ref === 'string') return nameOf(schema.$ref)
    const branches = (schema.anyOf ?? schema.oneOf) as JsonSchema[] | undefined
    if (branches) return branches.map((branch) => this.words(branch)).join(' or ')
    if (Array.isArray(schema.enum)) return schema.enum.map((value) => JSON.stringify(value)).join(' or ')
    if ('const' in schema) return JSON.stringify(schema.const)
    const types = [schema.type ?? 'any'].flat().map((type) => (type === 'array' ? this.#list(schema) : String(type)))
    const format = schema.format ? [String(schema.format)] : []
    return [types.join(' or '), ...format, ...bounds(schema)].join(', ')
  }

  /** The fields of an object, of the items of a list or of alternatives; nothing for a plain value. */
  fields(schema: JsonSchema, path: readonly string[] = []): Html | undefined {
    if (typeof schema.$ref === 'string') return this.#referred(schema.$ref, path)
    const inner = [schema.items, ...((schema.anyOf ?? schema.oneOf ?? schema.allOf ?? []) as unknown[])]
    const objects = [schema.properties && schema, ...inner, schema.additionalProperties].filter(isObject)
    const lists = objects.map((one) => (one === schema ? this.#properties(schema, path) : this.fields(one, path)))
    return lists.some(Boolean) ? html`${lists}` : undefined
  }

  #list(schema: JsonSchema): string {
    return isObject(schema.items) ? `list of ${this.words(schema.items)}` : 'list'
  }

  #referred(reference: string, path: readonly string[]): Html {
    const name = nameOf(reference)
    if (path.includes(name) || path.length >= deepest) return html`<a href="#schema-${name}">${name}</a>`
    return this.fields(targetOf(this.#document, reference), [...path, name]) ?? html``
  }

  #properties(schema: JsonSchema, path: readonly string[]): Html {
    const required = new Set((schema.required ?? []) as string[])
    const rows = Object.entries(schema.properties as Record<string, JsonSchema>).map(([name, property]) => {
      const inner = this.fields(property, path)
      return html`<li>${this.label(name, property, required.has(name))}${inner}</li>`
    })
    return html`<ul class="fields">${rows}</ul>`
  }

  /** A name with what may stand there. */
  label(name: string, schema: JsonSchema, required: boolean, description = schema.description): Html {
    const text = typeof description === 'string' && html`<span class="note">${prose(description)}</span>`
    const star = required && this.#stars && html`<b class="required" title="required">*</b>`
    return html`<code>${name}</code>${star} <span class="type">${this.words(schema)}</span> ${text}`
  }
}

function isObject(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null
}

/** The last part of a reference. */
export function nameOf(reference: string): string {
  return reference.slice(reference.lastIndexOf('/') + 1)
}

function bounds(schema: JsonSchema): string[] {
  const range = (least: unknown, most: unknown, unit?: string): string[] => {
    const of = (count: unknown) => (unit ? `${count} ${unit}${count === 1 ? '' : 's'}` : String(count))
    // The bounds of what JavaScript can count are not worth a word.
    const low = Math.abs(Number(least ?? -Infinity)) >= Number.MAX_SAFE_INTEGER ? undefined : least
    const high = Math.abs(Number(most ?? Infinity)) >= Number.MAX_SAFE_INTEGER ? undefined : most
    if (low !== undefined && high !== undefined) return [`${low} to ${of(high)}`]
    return low !== undefined ? [`at least ${of(low)}`] : high !== undefined ? [`at most ${of(high)}`] : []
  }
  return [
    ...range(schema.minLength, schema.maxLength, 'character'),
    ...range(schema.minimum, schema.maximum),
    ...range(schema.minItems, schema.maxItems, 'item'),
    ...('default' in schema ? [`default ${JSON.stringify(schema.default)}`] : []),
  ]
}
