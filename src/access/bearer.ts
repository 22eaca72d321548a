import { MonoblocError } from '../errors.ts'

// RFC 6750 (b64token) with the length that common servers take in one header field.
const credentialsPattern = /^([A-Za-z][A-Za-z0-9-]*) +([A-Za-z0-9\-._~+/]+=*)$/
const longestHeader = 8192

/**
 * The bearer token of an Authorization header, or undefined without the header.
 *
 * @param schemes the accepted words, in lower case: `['bearer']`
 * @throws MonoblocError `invalid_token` when the header is there and is not what it should be
 */
export function bearerToken(authorization: string | undefined, schemes: readonly string[]): string | undefined {
  if (authorization === undefined) return undefined
  const found = authorization.length <= longestHeader ? credentialsPattern.exec(authorization) : null
  if (found && schemes.includes(found[1]!.toLowerCase())) return found[2]
  throw new MonoblocError('invalid_token', {
    detail: 'The Authorization header does not hold a bearer token.',
    headers: { 'WWW-Authenticate': 'Bearer error="invalid_request"' },
  })
}
