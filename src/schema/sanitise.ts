import { createRequire } from 'node:module'
import { MonoblocError } from '../errors.ts'

let sanitiser: ((html: string) => string) | undefined

/** HTML with the elements and attributes that can do no harm; everything else is removed. */
export function sanitiseHtml(html: string): string {
  sanitiser ??= loadSanitiser()
  return sanitiser(html)
}

function loadSanitiser(): (html: string) => string {
  try {
    return createRequire(import.meta.url)('sanitize-html') as (html: string) => string
  } catch (cause) {
    throw new MonoblocError('dependency_missing', { detail: 'A field with .html() needs the package sanitize-html: npm install sanitize-html', cause })
  }
}
