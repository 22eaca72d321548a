import type { Transform } from 'node:stream'
import { Readable } from 'node:stream'
import type { AnswerBody } from './answer.ts'
import { SizedBody } from './answer-body.ts'
import { tagOfEncoded } from './conditional.ts'
import { type Encoding, encoders } from './encoding.ts'

// Handing a body to another thread takes some 200 µs of processor time, as much as encoding 64 KiB on the spot does.
const greatestAtOnce = 32_768

// The last answers of a few addresses, at most 64 of at most 64 KiB with what became of them: some 8 MiB.
const greatestRemembered = 65_536
const mostRemembered = 64

interface Remembered {
  body: string | Uint8Array
  bytes: Buffer
}

/** Says that a body is encoded, and gives the representation the tag of its own. */
export function sayEncoded(fields: string[], encoding: Encoding): void {
  fields.push('content-encoding', encoding)
  const at = fields.indexOf('etag')
  const [, tag] = (at >= 0 && /^"(.*)"$/.exec(fields[at + 1]!)) || []
  if (tag !== undefined) fields[at + 1] = `"${tagOfEncoded(tag, encoding)}"`
  const ranges = fields.indexOf('accept-ranges')
  if (ranges >= 0) fields.splice(ranges, 2)
}

/** Encodes whole bodies, and remembers some: a page that many ask for is encoded once. Compared whole, so never stale. */
export class BodyEncoder {
  readonly #last = new Map<string, Remembered>()

  /** Calls `done` at once, or later from another thread's result. */
  encode(
    address: string,
    body: string | Uint8Array,
    encoding: Encoding,
    done: (error: Error | null, bytes: Buffer) => void,
  ): void {
    const known = body.length <= greatestRemembered ? `${encoding} ${address}` : undefined
    const last = known === undefined ? undefined : this.#last.get(known)
    if (last && isSame(last.body, body)) {
      done(null, last.bytes)
      return
    }
    const source = typeof body === 'string' ? Buffer.from(body) : body
    const keep = (bytes: Buffer) => known !== undefined && this.#keep(known, { body, bytes })
    if (source.byteLength <= greatestAtOnce) {
      const bytes = encoders[encoding].now(source)
      keep(bytes)
      done(null, bytes)
      return
    }
    encoders[encoding].later(source, (error, bytes) => {
      if (!error) keep(bytes)
      done(error, bytes)
    })
  }

  #keep(known: string, remembered: Remembered): void {
    if (!this.#last.has(known) && this.#last.size >= mostRemembered) this.#last.delete(this.#last.keys().next().value!)
    this.#last.set(known, remembered)
  }
}

function isSame(one: string | Uint8Array, other: string | Uint8Array): boolean {
  if (typeof one === 'string' || typeof other === 'string') return one === other
  return Buffer.compare(one, other) === 0
}

/** What is read from a file is encoded in large pieces; what somebody writes bit by bit leaves as it is written. */
export function encodedStream(body: Readable | SizedBody, encoding: Encoding): [source: Readable, encoder: Transform] {
  const source = body instanceof SizedBody ? body.read(0, body.size - 1) : body
  return [source, encoders[encoding].stream(body instanceof Readable)]
}

export function isStreamed(body: AnswerBody): body is Readable | SizedBody {
  return body instanceof Readable || body instanceof SizedBody
}
