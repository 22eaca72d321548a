import { MonoblocError } from '../errors.ts'

export const jsonType = 'application/json'
export const mergePatchType = 'application/merge-patch+json'
export const problemType = 'application/problem+json'

/**
 * Checks that a body comes in a type that the route reads.
 *
 * @throws MonoblocError `unsupported_media_type`, with what would be read in `Accept-Post`, `-Patch` or `-Query`
 */
export function checkMediaType(
  method: string,
  contentType: string | undefined,
  encoding: string | undefined,
  accepted: readonly string[],
): void {
  if (contentType === accepted[0] && encoding === undefined) return
  const [type, ...parameters] = (contentType ?? '').toLowerCase().split(';')
  const foreignCharset = parameters.some(
    (parameter) => /^\s*charset\s*=/.test(parameter) && !/=\s*"?utf-?8"?\s*$/.test(parameter),
  )
  const encoded = encoding !== undefined && encoding.toLowerCase() !== 'identity'
  if (accepted.includes(type!.trim()) && !foreignCharset && !encoded) return
  const headers: Record<string, string> = {}
  if (method === 'POST' || method === 'PATCH' || method === 'QUERY') {
    headers[`accept-${method.toLowerCase()}`] = accepted.join(', ')
  }
  if (encoded) headers['accept-encoding'] = 'identity'
  throw new MonoblocError('unsupported_media_type', { headers })
}

// What clients send as Accept is the same few texts again and again; the memory of them must not grow with strangers'.
const mostRemembered = 500
const remembered = new Map<string, boolean>()

/** Whether an `Accept` header field lets JSON through (RFC 9110, 12.5.1). */
export function acceptsJson(accept: string): boolean {
  let accepted = remembered.get(accept)
  if (accepted === undefined) {
    accepted = qualityOf(accept, jsonType) > 0
    if (remembered.size >= mostRemembered) remembered.clear()
    remembered.set(accept, accepted)
  }
  return accepted
}

/** The quality of a type: that of the most specific range that it is in; 0 when it is in none. */
export function qualityOf(accept: string, type: string): number {
  let quality = 0
  let precision = -1
  for (const range of accept.toLowerCase().split(',')) {
    const [name, ...parameters] = range.split(';').map((part) => part.trim())
    const fits = name === type ? 2 : name === `${type.split('/')[0]}/*` ? 1 : name === '*/*' ? 0 : -1
    if (fits <= precision) continue
    precision = fits
    const weight = parameters.find((parameter) => parameter.startsWith('q='))
    const value = weight === undefined ? 1 : Number(weight.slice(2))
    quality = value >= 0 && value <= 1 ? value : 0
  }
  return quality
}
