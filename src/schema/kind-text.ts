import type { FieldOptions } from './field.ts'
import type { JsonSchema, Kind, Refuse } from './kind.ts'
import { sanitiseHtml } from './sanitise.ts'

/** Every engine and JSON itself can hold it: no U+0000, no lone surrogate. */
export function isStorableText(text: string): boolean {
  return text.isWellFormed() && !text.includes('\0')
}

/** Length in code points, which is what databases and JSON Schema count. */
export function codePointLength(text: string): number {
  let length = text.length
  for (let at = 0; at < text.length - 1; at++) {
    const unit = text.charCodeAt(at)
    if (unit >= 0xd800 && unit < 0xdc00) {
      length--
      at++
    }
  }
  return length
}

interface TextRule {
  max?: number
  /** What is wrong with the text, or undefined. */
  refuse?: (text: string) => string | undefined
  schema?: JsonSchema
}

// White space is cut off last, because what is removed from HTML can leave some behind.
function normalised(text: string, options: FieldOptions): string {
  let result = text
  if (options.lowerCase) result = result.toLowerCase()
  if (options.html) result = sanitiseHtml(result)
  return options.trim ? result.trim() : result
}

/**
 * What is looked for, as what is kept was changed: else `Ann@Example.org` would never be found among lower-case addresses.
 * Undefined where nothing is changed. Of a part of a text only its outer side is trimmed, and it is no whole HTML.
 */
export function textNormaliser(options: FieldOptions): ((operator: string, text: string) => string) | undefined {
  if (!options.lowerCase && !options.html && !options.trim) return undefined
  return (operator, text) => {
    if (!isPart.test(operator)) return normalised(text, options)
    const cased = options.lowerCase ? text.toLowerCase() : text
    const starts = /startsWith$/i.test(operator)
    const trimmed = !options.trim || /contains$/.test(operator) ? cased : starts ? cased.trimStart() : cased.trimEnd()
    // Nothing but white space begins no text, where the empty text begins each.
    return trimmed === '' ? cased : trimmed
  }
}

const isPart = /(?:contains|startsWith|endsWith)$/i

function textKind(rule: TextRule): Kind {
  const limits = (options: FieldOptions) => ({
    min: options.min as number | undefined,
    max: (options.max as number | undefined) ?? rule.max,
  })
  return {
    ordered: true,
    column: () => ({ type: 'text' }),
    reader(options) {
      const { min, max } = limits(options)
      const pattern = unicode(options.pattern)
      return (value, refuse) => {
        if (typeof value !== 'string') return refuse('invalid_type', 'must be a string')
        const text = normalised(value, options)
        if (!isStorableText(text)) return refuse('invalid_text', 'must not contain U+0000 or lone surrogates')
        // A text has at most as many code points as units, and at least half as many: most need no counting.
        if ((max !== undefined && text.length > max) || (min !== undefined && text.length < 2 * min)) {
          checkLength(codePointLength(text), min, max, 'characters', refuse)
        }
        const wrong = rule.refuse?.(text)
        if (wrong) refuse('invalid_format', wrong)
        if (pattern && !matches(pattern, text)) refuse('invalid_format', `must match ${options.pattern}`)
        return text
      }
    },
    jsonSchema(options) {
      const { min, max } = limits(options)
      return {
        type: 'string',
        ...(min === undefined ? {} : { minLength: min }),
        ...(max === undefined ? {} : { maxLength: max }),
        ...rule.schema,
        ...patternSchema(options.pattern, rule.schema?.pattern),
      }
    },
  }
}

/** Refuses a length that is out of its bounds, which are inclusive. */
export function checkLength(
  length: number,
  min: number | undefined,
  max: number | undefined,
  of: string,
  refuse: Refuse,
): void {
  if (min !== undefined && length < min) refuse('too_small', `must have at least ${counted(min, of)}`)
  if (max !== undefined && length > max) refuse('too_big', `must have at most ${counted(max, of)}`)
}

function counted(count: number, of: string): string {
  return `${count} ${count === 1 ? of.replace(/s$/, '') : of}`
}

// By code point where the pattern can be read so, as lengths are counted, and as JSON Schema reads it.
function unicode(pattern: RegExp | undefined): RegExp | undefined {
  if (!pattern || /[uv]/.test(pattern.flags)) return pattern
  try {
    return new RegExp(pattern.source, `${pattern.flags}u`)
  } catch {
    return pattern
  }
}

// A pattern with the g or y flag keeps a position between calls.
function matches(pattern: RegExp, text: string): boolean {
  pattern.lastIndex = 0
  return pattern.test(text)
}

// JSON Schema has one pattern, without other flags: what means something else there is left unsaid.
function patternSchema(pattern: RegExp | undefined, kindPattern: unknown): JsonSchema {
  const said = unicode(pattern)
  if (!said?.unicode || /[imsy]/.test(said.flags)) return {}
  if (typeof kindPattern !== 'string') return { pattern: said.source }
  return { pattern: `^(?=${kindPattern.slice(1)})(?=[\\s\\S]*?(?:${said.source}))` }
}

// RFC 5321 without quoted local parts and address literals, which nobody has: 64 characters, then a domain with a dot.
const emailPattern =
  /^(?=[^@]{1,64}@)[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?$/
const slugPattern = /^[\p{Ll}\p{Lo}\p{M}\p{N}]+(?:-[\p{Ll}\p{Lo}\p{M}\p{N}]+)*$/u
// The parser of URLs drops tabs and line ends, skips surplus slashes and turns `\` into `/`: others would read another
// address than it does. What ends an attribute or turns the direction of text has no place in one either.
const urlPattern = /^[Hh][Tt][Tt][Pp][Ss]?:\/\/[^\s\p{Cc}\p{Bidi_C}"<>`\\/?#][^\s\p{Cc}\p{Bidi_C}"<>`\\]*$/u

export const text = textKind({})

// 254: the longest path that SMTP carries (RFC 5321, 4.5.3.1.3, less the angle brackets).
export const emailKind = textKind({
  max: 254,
  refuse: (value) => (emailPattern.test(value) ? undefined : 'must be an e-mail address'),
  schema: { format: 'email', pattern: emailPattern.source },
})

// 2,048: what every browser, proxy and search engine takes. Letters of any script are allowed, so that it is an IRI
// (RFC 3987) to those who tell the two apart.
export const urlKind = textKind({
  max: 2048,
  refuse: (value) =>
    urlPattern.test(value) && URL.canParse(value) ? undefined : 'must be an absolute http or https URL',
  schema: { format: 'iri', pattern: urlPattern.source },
})

export const slugKind = textKind({
  max: 200,
  refuse: (value) =>
    slugPattern.test(value) ? undefined : 'must be lower-case letters and digits in groups separated by single hyphens',
  schema: { pattern: slugPattern.source },
})

export const enumKind: Kind = {
  ordered: true,
  column: () => ({ type: 'text' }),
  reader: ({ values }) => {
    const allowed = new Set<unknown>(values)
    return (value, refuse) =>
      allowed.has(value) ? value : refuse('invalid_value', `must be one of: ${values.join(', ')}`)
  },
  jsonSchema: (options) => ({ type: 'string', enum: [...options.values] }),
}
