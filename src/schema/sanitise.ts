import { createRequire } from 'node:module'
import { MonoblocError } from '../errors.ts'

type Sanitise = (html: string) => string

let loaded: Sanitise | undefined

/** HTML with the elements and attributes that can do no harm; everything else is removed. */
export function sanitiseHtml(html: string): string {
  return loadSanitiser()(html)
}

/** @throws MonoblocError `dependency_missing` */
export function loadSanitiser(): Sanitise {
  try {
    loaded ??= createRequire(import.meta.url)('sanitize-html') as Sanitise
    return loaded
  } catch (cause) {
    throw new MonoblocError('dependency_missing', {
      detail: 'A field with .html() needs the package sanitize-html: npm install sanitize-html',
      cause,
    })
  }
}
