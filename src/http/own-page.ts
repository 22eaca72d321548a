import { hash } from 'node:crypto'
import type { Reply } from './endpoint-types.ts'

// Pages that only show something need none of them, and neither does what might get into them.
const withoutFeatures = ['camera', 'display-capture', 'geolocation', 'microphone', 'payment', 'usb']
  .map((feature) => `${feature}=()`)
  .join(', ')

/**
 * What a page of our own says, so that nothing but its own files can run in it, show it in a frame, or learn from it where
 * its reader goes. Stricter than what an app's pages get by default: of these we know what they hold.
 *
 * @param sources what it may load, as directives of a Content-Security-Policy
 */
export function sayOwnPage(reply: Reply, sources: string): void {
  reply
    .header(
      'content-security-policy',
      `default-src 'none'; ${sources}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
    )
    .header('cross-origin-opener-policy', 'same-origin')
    .header('permissions-policy', withoutFeatures)
    .header('referrer-policy', 'no-referrer')
    .header('x-frame-options', 'DENY')
}

/** The source expression of one `<style>`, by its content. */
export function styleSource(style: string): string {
  return `'sha256-${hash('sha256', style, 'base64')}'`
}
