import { validateHeaderName, validateHeaderValue } from 'node:http'
import { MonoblocError } from '../errors.ts'
import type { Reply } from './endpoint-types.ts'

// What belongs to the connection and to how the body travels is not the handler's to say.
export const ofTransport = new Set([
  'connection',
  'content-length',
  'date',
  'keep-alive',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** What a handler has said of its answer. One for each run of the handler, so that a run that is repeated leaves nothing. */
export class ReplyState implements Reply {
  /** 0 until one is said. */
  code = 0
  /** Names and values in turn; undefined until one is said. */
  fields: string[] | undefined

  status(status: number): this {
    if (!Number.isInteger(status) || status < 200 || status > 599)
      throw invalid(`${status} is no status of an answer (200 to 599)`)
    this.code = status
    return this
  }

  header(name: string, value: string | number): this {
    const field = name.toLowerCase()
    const text = String(value)
    if (ofTransport.has(field)) throw invalid(`${name} is set by the server`)
    try {
      validateHeaderName(field)
      validateHeaderValue(field, text)
    } catch (cause) {
      throw new MonoblocError('response_invalid', {
        detail: `The header field ${JSON.stringify(name)} or its value is not valid.`,
        cause,
      })
    }
    this.fields ??= []
    const known = field === 'set-cookie' ? -1 : this.#indexOf(field)
    if (known < 0) this.fields.push(field, text)
    else this.fields[known + 1] = text
    return this
  }

  created(location: string): this {
    this.code ||= 201
    // What a URI can't hold is encoded; what is encoded already stays as it is.
    return this.header('location', location.toWellFormed().replaceAll(/[^!-~]/gu, encodeURIComponent))
  }

  get(field: string): string | undefined {
    const at = this.#indexOf(field)
    return at < 0 ? undefined : this.fields![at + 1]
  }

  #indexOf(field: string): number {
    if (this.fields) for (let at = 0; at < this.fields.length; at += 2) if (this.fields[at] === field) return at
    return -1
  }
}

function invalid(detail: string): MonoblocError {
  return new MonoblocError('response_invalid', { detail: `reply: ${detail}.` })
}
