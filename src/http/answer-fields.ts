import { validateHeaderName, validateHeaderValue } from 'node:http'
import { MonoblocError } from '../errors.ts'
import { jsonType } from './media-type.ts'
import { ofTransport } from './reply.ts'

/**
 * Header fields of every answer, by name: text sets one, null leaves out one that would come by itself. What a handler
 * says goes before.
 */
export type HeaderOptions = Readonly<Record<string, string | null>>

/** No guessing of types: what is said to be text is never run as a script (Fetch, 3.6). */
const always = ['x-content-type-options', 'nosniff']

/** Data may neither be shown in a frame nor load anything, should a browser ever show it as a page. */
const ofData = [...always, 'content-security-policy', "default-src 'none'; frame-ancestors 'none'"]

// A page of another site may not read these by embedding them (Spectre); one of the same site, as a front end on another
// port or subdomain, may.
const ofFiles = [...always, 'cross-origin-resource-policy', 'same-site']

const ofPages = [
  ...ofFiles,
  // What scripts a page runs only its author knows. The rest needs no knowledge: no frame of another origin around it,
  // no plugin, no <base> that turns its links elsewhere.
  'content-security-policy',
  "base-uri 'self'; object-src 'none'; frame-ancestors 'self'",
  'x-frame-options',
  'SAMEORIGIN',
  // A window that another site opened has no hold on it; windows that it opens itself (sign-in, payment) keep theirs.
  'cross-origin-opener-policy',
  'same-origin-allow-popups',
  // The browsers' default, for those that have another. Not no-referrer: forms would then be sent with `Origin: null`.
  'referrer-policy',
  'strict-origin-when-cross-origin',
]

// An image by itself is a page too, and its scripts would run as this origin's.
const ofDrawings = [
  ...ofFiles,
  'content-security-policy',
  "default-src 'none'; style-src 'unsafe-inline'; img-src data:; font-src data:; frame-ancestors 'self'; sandbox",
]

/** What every answer carries, by what a browser could do with it. Laid out once, since it goes out with each answer. */
export class AnswerFields {
  /** Of an answer in JSON that says nothing but its type. */
  readonly data: readonly string[]
  readonly #empty: readonly string[]
  readonly #files: readonly string[]
  readonly #pages: readonly string[]
  readonly #drawings: readonly string[]

  /** @throws MonoblocError `definition_invalid` for a field that can't be set */
  constructor(own: HeaderOptions = {}) {
    for (const [name, value] of Object.entries(own)) checkField(name, value)
    this.#empty = withOwn(always, own)
    this.data = withOwn(ofData, own)
    this.#files = withOwn(ofFiles, own)
    this.#pages = withOwn(ofPages, own)
    this.#drawings = withOwn(ofDrawings, own)
  }

  /** Adds what the answer does not say itself. */
  addTo(fields: string[]): void {
    const type = fieldOf(fields, 'content-type')
    const list = type === undefined ? this.#empty : this.#of(type)
    const own = fields.length
    for (let at = 0; at < list.length; at += 2) {
      if (!hasField(fields, list[at]!, own)) fields.push(list[at]!, list[at + 1]!)
    }
  }

  #of(type: string): readonly string[] {
    if (type === jsonType || /[/+]json\b/i.test(type)) return this.data
    if (/^\s*image\/svg\+xml\b/i.test(type)) return this.#drawings
    return /^\s*(?:text\/html|text\/xml|application\/(?:[\w.-]+\+)?xml)\b/i.test(type) ? this.#pages : this.#files
  }
}

function withOwn(usual: readonly string[], own: HeaderOptions): string[] {
  const fields = new Map<string, string | null>()
  for (let at = 0; at < usual.length; at += 2) fields.set(usual[at]!, usual[at + 1]!)
  for (const [name, value] of Object.entries(own)) fields.set(name.toLowerCase(), value)
  return [...fields].flatMap(([name, value]) => (value === null ? [] : [name, value]))
}

// These belong to one answer, or to how it travels.
const ofOneAnswer = new Set(['content-encoding', 'content-range', 'content-type', 'etag', 'location', 'set-cookie'])

function checkField(name: string, value: string | null): void {
  try {
    validateHeaderName(name)
    if (value !== null) validateHeaderValue(name, value)
  } catch (cause) {
    throw invalid(`${JSON.stringify(name)} or its value is not valid`, cause)
  }
  if (ofTransport.has(name.toLowerCase()) || ofOneAnswer.has(name.toLowerCase()))
    throw invalid(`${name} can't be the same in every answer`)
}

function invalid(detail: string, cause?: unknown): MonoblocError {
  return new MonoblocError('definition_invalid', { detail: `backend({ headers }): ${detail}.`, cause })
}

/** The value of a field in a list of names and values. */
export function fieldOf(fields: readonly string[], name: string): string | undefined {
  for (let at = 0; at < fields.length; at += 2) if (fields[at] === name) return fields[at + 1]
  return undefined
}

function hasField(fields: readonly string[], name: string, end: number): boolean {
  for (let at = 0; at < end; at += 2) if (fields[at] === name) return true
  return false
}
