import type { ServerResponse } from 'node:http'
import type { ReplyState } from './reply.ts'

// They describe the content that goes with them: whatever was said before the answer was known is of another one.
const ofContent = new Set([
  'allow',
  'connection',
  'content-encoding',
  'content-length',
  'content-range',
  'content-type',
  'etag',
  'last-modified',
  'location',
  'retry-after',
  'www-authenticate',
])

/**
 * Puts the header of an answer beside what middleware has set, field by field, so that it goes out through whatever has
 * been put around `writeHead` and `end`. What the answer says itself goes before what middleware has said, and that goes
 * before what every answer of ours says.
 */
export class ResponseFields {
  readonly #base: string
  /** What the handler has said, names and values in turn; undefined for a problem. */
  said: readonly string[] | undefined
  /** What hooks have said after it. */
  last: ReplyState | undefined

  /** @param base where the server around us has put the app: its own addresses are below that */
  constructor(base: string) {
    this.#base = base
  }

  write(response: ServerResponse, status: number, fields: readonly string[]): void {
    const given = new Set<string>()
    for (let at = 0; at < fields.length; at += 2) {
      const name = fields[at]!
      const value = this.#based(name, fields[at + 1]!)
      if (name === 'vary') vary(response, value)
      else if (name === 'set-cookie' || given.has(name)) response.appendHeader(name, value)
      else if (this.#goesBefore(name) || !response.hasHeader(name)) response.setHeader(name, value)
      given.add(name)
    }
    const last = this.last?.fields ?? []
    for (let at = 0; at < last.length; at += 2) {
      if (last[at] === 'set-cookie') response.appendHeader('set-cookie', last[at + 1]!)
      else response.setHeader(last[at]!, last[at + 1]!)
    }
    response.statusCode = status
  }

  #based(name: string, value: string): string {
    if (this.#base === '') return value
    if (name === 'location') return /^\/(?!\/)/.test(value) ? this.#base + value : value
    return name === 'link' ? value.replaceAll(/<(?=\/(?!\/))/g, `<${this.#base}`) : value
  }

  #goesBefore(name: string): boolean {
    if (ofContent.has(name)) return true
    return this.said ? isAmong(this.said, name) : name === 'cache-control'
  }
}

function isAmong(fields: readonly string[], name: string): boolean {
  for (let at = 0; at < fields.length; at += 2) if (fields[at] === name) return true
  return false
}

function vary(response: ServerResponse, value: string): void {
  const before = [response.getHeader('vary') ?? []].flat().join(', ')
  const known = before.toLowerCase().split(/\s*,\s*/)
  const more = value.split(/\s*,\s*/).filter((one) => !known.includes(one.toLowerCase()))
  if (known.includes('*') || more.length === 0) return
  response.setHeader('vary', before === '' ? more.join(', ') : `${before}, ${more.join(', ')}`)
}
