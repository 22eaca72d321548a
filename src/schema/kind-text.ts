import { z } from 'zod'
import type { FieldOptions } from './field.ts'
import type { JsonSchema, Kind } from './kind.ts'
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

function normalised(text: string, options: FieldOptions): string {
  let result = text
  if (options.trim) result = result.trim()
  if (options.lowerCase) result = result.toLowerCase()
  if (options.html) result = sanitiseHtml(result)
  return result
}

function textKind(rule: TextRule): Kind {
  const limits = (options: FieldOptions) => ({
    min: options.min as number | undefined,
    max: (options.max as number | undefined) ?? rule.max,
  })
  return {
    ordered: true,
    column: () => ({ type: 'text' }),
    validator(options) {
      const { min, max } = limits(options)
      const checked = z.string().superRefine((text, context) => {
        if (!isStorableText(text)) {
          context.addIssue({
            code: 'custom',
            message: 'must not contain U+0000 or lone surrogates',
            params: { code: 'invalid_text' },
          })
          return
        }
        const length = codePointLength(text)
        if (min !== undefined && length < min) {
          context.addIssue({
            code: 'too_small',
            origin: 'string',
            minimum: min,
            inclusive: true,
            input: text,
            message: `must have at least ${min} characters`,
          })
        }
        if (max !== undefined && length > max) {
          context.addIssue({
            code: 'too_big',
            origin: 'string',
            maximum: max,
            inclusive: true,
            input: text,
            message: `must have at most ${max} characters`,
          })
        }
        const refused = rule.refuse?.(text)
        if (refused) context.addIssue({ code: 'custom', message: refused, params: { code: 'invalid_format' } })
        if (options.pattern && !matches(options.pattern, text)) {
          context.addIssue({
            code: 'custom',
            message: `must match ${options.pattern}`,
            params: { code: 'invalid_format' },
          })
        }
      })
      const changes = options.trim || options.lowerCase || options.html
      return changes
        ? z.preprocess((value) => (typeof value === 'string' ? normalised(value, options) : value), checked)
        : checked
    },
    jsonSchema(options) {
      const { min, max } = limits(options)
      return {
        type: 'string',
        ...rule.schema,
        ...(min === undefined ? {} : { minLength: min }),
        ...(max === undefined ? {} : { maxLength: max }),
        ...(options.pattern ? { pattern: options.pattern.source } : {}),
      }
    },
  }
}

// A pattern with the g or y flag keeps a position between calls.
function matches(pattern: RegExp, text: string): boolean {
  pattern.lastIndex = 0
  return pattern.test(text)
}

const email = z.email()
const slugPattern = /^[\p{Ll}\p{Lo}\p{M}\p{N}]+(?:-[\p{Ll}\p{Lo}\p{M}\p{N}]+)*$/u

export const text = textKind({})

// 254: the longest path that SMTP carries (RFC 5321, 4.5.3.1.3, less the angle brackets).
export const emailKind = textKind({
  max: 254,
  refuse: (value) => (email.safeParse(value).success ? undefined : 'must be an e-mail address'),
  schema: { format: 'email' },
})

// 2,048: what every browser, proxy and search engine takes.
export const urlKind = textKind({
  max: 2048,
  refuse: (value) =>
    /^https?:\/\//i.test(value) && URL.canParse(value) ? undefined : 'must be an absolute http or https URL',
  schema: { format: 'uri' },
})

export const slugKind = textKind({
  max: 200,
  refuse: (value) =>
    slugPattern.test(value) ? undefined : 'must be lower-case letters and digits in groups separated by single hyphens',
})

export const enumKind: Kind = {
  ordered: true,
  column: () => ({ type: 'text' }),
  validator: (options) => z.enum(options.values as [string, ...string[]]),
  jsonSchema: (options) => ({ type: 'string', enum: [...options.values] }),
}
