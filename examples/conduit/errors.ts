import type { Problem } from 'monobloc'

const blank = "can't be blank"
const words: Record<string, string> = { required: blank, invalid_type: blank, taken: 'has already been taken' }

/** Errors as the specification of Conduit has them: `{ errors: { title: ["can't be blank"] } }`. */
export function conduitErrors({ code, status, subject, title, errors = [] }: Problem) {
  const one = (key: string, word: string) => ({ body: { errors: { [key]: [word] } } })
  if (code === 'invalid_credentials') return one('credentials', 'invalid')
  if (status === 401) return one('token', 'is missing')
  if (status === 403) return one(subject ?? 'request', 'forbidden')
  if (status === 404) return one(subject === 'user' ? 'profile' : (subject ?? 'route'), 'not found')
  if (errors.length === 0) return one('request', title)
  const listed: Record<string, string[]> = {}
  for (const { pointer, parameter, code, detail } of errors) {
    const key = parameter ?? pointer?.split('/').findLast((part) => Number.isNaN(Number(part))) ?? 'request'
    listed[key] = [...(listed[key] ?? []), words[code] ?? detail]
  }
  return { status: status === 400 ? 422 : status, body: { errors: listed } }
}
