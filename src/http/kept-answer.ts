import type { ServerResponse } from 'node:http'
import { nextRequestId } from '../observe/index.ts'
import { type Answer, saysNothingOfCaching } from './answer.ts'
import { headOf, sendText } from './answer-head.ts'
import type { HttpApp } from './app.ts'

/** About what the objects around an answer take. */
const bytesOfObjects = 400

/**
 * An answer that is kept, and how it goes out, but for what is of one request: its id, and the date. Those two go first, so
 * that all behind them is one text already.
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
    this.isPlain = saysNothingOfCaching(answer.headers)
    this.#encoding = this.length === body.length ? 'latin1' : 'utf8'
    // Through bytes, so that it is one piece in memory.
    this.#rest = this.isPlain ? Buffer.from(headOf(app, answer, answer.tag!, this.length) + body).toString() : ''
    this.bytes = this.length + this.#rest.length + bytesOfObjects
  }

  /** @returns the request's id */
  send(response: ServerResponse): string {
    const id = nextRequestId()
    sendText(response, 200, id, '', this.#rest, this.#encoding)
    return id
  }
}
