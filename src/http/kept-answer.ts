import type { ServerResponse } from 'node:http'
import { nextRequestId } from '../observe/index.ts'
import { type Answer, onlyJson } from './answer.ts'
import type { HttpApp } from './app.ts'

// What an answer begins with, but for its id. RFC 9110 (6.6.1) has the date to the second: made anew for each answer it would
// take as long as the rest of a head.
let second = Number.NEGATIVE_INFINITY
let begin = ''

function beginning(): string {
  const now = Date.now()
  if (now - second >= 1000 || now < second) {
    second = now - (now % 1000)
    begin = `HTTP/1.1 200 OK\r\ndate: ${new Date(second).toUTCString()}\r\nconnection: keep-alive\r\nx-request-id: `
  }
  return begin
}

/** About what the objects around an answer take. */
const bytesOfObjects = 400

/**
 * An answer that is kept, and how it goes out, but for what is of one request: its id, and the date. It is one write of one
 * text, of which Node has nothing to look at. Those two go first, so that all behind them is one text already.
 */
export class KeptAnswer {
  readonly answer: Answer
  /** Of the route: `/articles/:id`. */
  readonly route: string
  /** Bytes of the body. */
  readonly length: number
  /** About what it takes in memory. */
  readonly bytes: number
  /** Who says that it takes encoded answers gets it so. */
  readonly isLarge: boolean
  /** It can be sent at once, where nothing more is asked. */
  readonly isPlain: boolean
  readonly #rest: string
  readonly #encoding: 'latin1' | 'utf8'

  /** @param answer whose body is text */
  constructor(app: HttpApp, answer: Answer, route: string) {
    const body = answer.body as string
    this.answer = answer
    this.route = route
    this.length = Buffer.byteLength(body)
    this.isLarge = this.length >= app.compressFrom
    this.isPlain = saysNothingOfKeeping(answer)
    this.#encoding = this.length === body.length ? 'latin1' : 'utf8'
    // Through bytes, so that it is one piece in memory.
    this.#rest = this.isPlain ? Buffer.from(this.#head(app, answer) + body).toString() : ''
    this.bytes = this.length + this.#rest.length + bytesOfObjects
  }

  #head(app: HttpApp, { headers, tag }: Answer): string {
    const { length, isLarge } = this
    const usual = headers === onlyJson
    const fields = [...(usual ? app.usualFields : headers), 'etag', `"${tag}"`, 'content-length', String(length)]
    if (!usual) {
      fields.push('cache-control', app.cacheControl)
      app.fields.addTo(fields)
    }
    if (isLarge) fields.push('vary', 'Accept-Encoding')
    let head = '\r\n'
    for (let at = 0; at < fields.length; at += 2) head += `${fields[at]}: ${fields[at + 1]}\r\n`
    return `${head}\r\n`
  }

  /** @returns the request's id */
  send(response: ServerResponse): string {
    const id = nextRequestId()
    const whole = response as ServerResponse & { _header: string | null }
    // Node's own name for a head that is laid out: `end` writes it before the body, in one piece. What is behind the id of
    // the head goes as if it were of the body.
    whole._header = beginning() + id
    response.end(this.#rest, this.#encoding)
    return id
  }
}

function saysNothingOfKeeping({ headers }: Answer): boolean {
  return headers === onlyJson || (!headers.includes('etag') && !headers.includes('cache-control'))
}
