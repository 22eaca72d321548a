import type { MonoblocError } from 'monobloc'

const words: Record<string, string> = {
  required: "can't be blank",
  invalid_type: "can't be blank",
  unique: 'has already been taken',
}

/** Errors as the specification of Conduit has them: `{ errors: { title: ["can't be blank"] } }`. */
export function conduitErrors(_problem: unknown, error: MonoblocError) {
  const errors = (key: string, word: string) => ({ body: { errors: { [key]: [word] } } })
  if (error.code === 'invalid_credentials') return errors('credentials', 'invalid')
  if (error.status === 401) return errors('token', 'is missing')
  if (error.status === 403) return errors(error.subject ?? 'request', 'forbidden')
  if (error.status === 404) return errors(error.subject ?? 'route', 'not found')
  if (error.violations.length === 0) return errors('request', error.publicMessage)
  const listed: Record<string, string[]> = {}
  for (const { path, code, message } of error.violations) {
    const key = path.findLast((part) => typeof part === 'string') ?? 'request'
    listed[key] = [...(listed[key] ?? []), words[code] ?? message]
  }
  return { status: error.status === 400 ? 422 : error.status, body: { errors: listed } }
}
