import { hash } from 'node:crypto'
import type { IncomingHttpHeaders } from 'node:http'
import { MonoblocError } from '../errors.ts'

/** An entity tag by content, without its quotes: 132 bits of SHA-256, so that two contents never share one. */
export function contentTag(body: string | Uint8Array): string {
  return hash('sha256', body, 'base64url').slice(0, 22)
}

// An encoded representation is another one, and has a strong tag of its own (RFC 9110, 8.8.3.3): that of the content,
// and how it is encoded. Two hyphens, so that no tag which an app makes by itself is taken for one.
const encodedTag = /--(?:br|gzip|zstd)$/

/** The entity tag of the same content, encoded. */
export function tagOfEncoded(tag: string, encoding: string): string {
  return `${tag}--${encoding}`
}

/**
 * The tag in a list of entity tags (RFC 9110, 8.8.3) that names this content, as it came or encoded; `*` names any.
 * Weak tags count as `weak` says.
 */
export function tagNamed(list: string, tag: string, weak: boolean): string | undefined {
  if (list === `"${tag}"` || list.trim() === '*') return tag
  for (const [, prefix, opaque] of list.matchAll(/(W\/)?"([^"]*)"/g)) {
    if (prefix !== undefined && !weak) continue
    if (opaque === tag || opaque!.replace(encodedTag, '') === tag) return opaque
  }
  return undefined
}

/** Whether a list of entity tags names this one. */
export function namesTag(list: string, tag: string, weak: boolean): boolean {
  return tagNamed(list, tag, weak) !== undefined
}

/** Whether the client asked for a state that this is not (RFC 9110, 13.1.1). */
export function isOtherThanAsked(headers: IncomingHttpHeaders, tag: string | null): boolean {
  const asked = headers['if-match']
  return asked !== undefined && (tag === null || !namesTag(asked, tag, false))
}

/**
 * Holds a change to what the client says it is based on.
 *
 * @param tag the entity tag of what is there now, without quotes; null when nothing is
 * @param required whether the client must say it
 * @throws MonoblocError `precondition_failed` (412), `precondition_required` (428)
 */
export function checkPrecondition(headers: IncomingHttpHeaders, tag: string | null, required: boolean): void {
  const without = headers['if-none-match']
  if (headers['if-match'] === undefined && without === undefined && required)
    throw new MonoblocError('precondition_required')
  const taken = without !== undefined && tag !== null && namesTag(without, tag, true)
  if (taken || isOtherThanAsked(headers, tag)) throw new MonoblocError('precondition_failed')
}
