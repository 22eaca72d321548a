// What a log line may hold: no secrets, nothing cyclic, nothing without end.

const mask = '[redacted]'

// A line is for reading and for a collector that cuts lines itself (Docker at 16 KiB): these keep one below that
// unless many fields are long at once.
const maximumDepth = 6
const maximumItems = 50
const maximumText = 4096

const containing = /password|passwd|passphrase|secret/
const ending = /(authorization|cookie|token|apikey|accesskey|privatekey|credential)s?$/

/** Keys whose values may be addresses, in which secrets hide. */
const addressKey = /url|uri|href|referr?er|location|target/i

// Keys come from code and from request headers and bodies, so the memory of what was decided must not grow with them.
const maximumDecisions = 2000
const decisions = new Map<string, boolean>()

/** Whether a key names something secret, however it is written: `accessToken`, `x-api-key`, `user_password`. */
export function isSecretKey(key: string): boolean {
  let secret = decisions.get(key)
  if (secret === undefined) {
    const name = key.toLowerCase().replaceAll(/[^a-z\d]/g, '')
    secret = containing.test(name) || ending.test(name)
    if (decisions.size >= maximumDecisions) decisions.clear()
    decisions.set(key, secret)
  }
  return secret
}

/**
 * A copy fit for a log line: values of secret keys masked at any depth, errors with their causes spelled out, cycles,
 * depth, arrays and strings cut.
 */
export function cleanFields(fields: object): Record<string, unknown> {
  return cleanObject(fields, [])
}

/** An address with its password and the values of secret query parameters masked. */
export function cleanUrl(url: string): string {
  return url
    .replace(/^([a-z][a-z\d+.-]*:\/\/[^/?#@:]*:)[^/?#@]*@/i, `$1${mask}@`)
    .replaceAll(/([?&])([^=&#]+)=([^&#]*)/g, (all, separator: string, name: string) =>
      isSecretKey(name) ? `${separator}${name}=${mask}` : all,
    )
}

function clean(value: unknown, above: object[]): unknown {
  switch (typeof value) {
    case 'string':
      return value.length > maximumText ? `${value.slice(0, maximumText)}… (${value.length} characters)` : value
    case 'bigint':
      return String(value)
    case 'number':
      return Number.isFinite(value) ? value : String(value)
    case 'function':
    case 'symbol':
      return undefined
    case 'object':
      return value === null ? null : cleanReference(value, above)
    default:
      return value
  }
}

function cleanReference(value: object, above: object[]): unknown {
  if (above.includes(value)) return '[cycle]'
  if (above.length >= maximumDepth) return Array.isArray(value) ? '[array]' : '[object]'
  if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`
  if (value instanceof Date) return Number.isNaN(value.getTime()) ? 'invalid date' : value.toISOString()
  const inside = [...above, value]
  if (value instanceof Error) return cleanError(value, inside)
  if (value instanceof Map) return cleanObject(Object.fromEntries(value), inside)
  const items = Array.isArray(value) ? value : value instanceof Set ? [...value] : undefined
  if (!items) return value instanceof URL ? cleanUrl(value.href) : cleanObject(value, inside)
  const kept = items.slice(0, maximumItems).map((item) => clean(item, inside) ?? null)
  return items.length > maximumItems ? [...kept, `… ${items.length - maximumItems} more`] : kept
}

function cleanObject(source: object, above: object[]): Record<string, unknown> {
  const result: Record<string, unknown> = {}
  let room = maximumItems
  for (const [key, value] of Object.entries(source)) {
    if (value === undefined) continue
    if (room-- === 0) {
      result['…'] = `${Object.keys(source).length - maximumItems} more`
      break
    }
    result[key] = cleanValue(key, value, above)
  }
  return result
}

function cleanValue(key: string, value: unknown, above: object[]): unknown {
  if (isSecretKey(key) && value !== null) return mask
  return clean(typeof value === 'string' && addressKey.test(key) ? cleanUrl(value) : value, above)
}

function cleanError(error: Error, above: object[]): Record<string, unknown> {
  return {
    type: error.name,
    message: clean(error.message, above),
    ...cleanObject(error, above),
    stack: clean(error.stack, above),
    cause: error.cause === undefined ? undefined : clean(error.cause, above),
    ...(error instanceof AggregateError ? { errors: clean(error.errors, above) } : {}),
  }
}
