/**
 * Counts HTTP/1.1 responses on one connection that has one request under way at a time, and looks at no more of them
 * than it must: the status, and where the response ends.
 *
 * - head: bytes of a response's head are awaited; what came of it so far is kept in `#head`.
 * - body: `#remaining` bytes of a body with a content-length are awaited.
 * - chunked: chunks are awaited; what came so far is kept.
 */
export class ResponseParser {
  /** Of the last response that was complete. */
  status = 0
  /** Bytes of its body. */
  length = 0
  #head: Buffer | undefined
  #remaining = 0
  #chunks: Buffer | undefined

  /**
   * Takes the bytes that arrived, which it doesn't keep, and says whether the response is complete.
   *
   * @throws Error for what is not a response, and for bytes after its end
   */
  push(bytes: Buffer): boolean {
    if (this.#remaining > 0) {
      if (bytes.length > this.#remaining) throw new Error('the server sent more than its content-length')
      this.#remaining -= bytes.length
      return this.#remaining === 0
    }
    if (this.#chunks) {
      this.#chunks = Buffer.concat([this.#chunks, bytes])
      return this.#chunksDone()
    }
    const head = this.#head ? Buffer.concat([this.#head, bytes]) : bytes
    this.#head = undefined
    const end = head.indexOf('\r\n\r\n')
    if (end < 0) {
      this.#head = this.#head === head ? head : Buffer.from(head)
      return false
    }
    return this.#headDone(head, end)
  }

  #headDone(head: Buffer, end: number): boolean {
    const text = head.toString('latin1', 0, end)
    this.status = Number(text.slice(9, 12))
    if (!(this.status >= 200)) throw new Error(`not a final response: ${text.slice(0, 40)}`)
    const start = end + 4
    if (this.status === 204 || this.status === 304) return this.#bodyDone(0, head.length - start)
    const length = /\r\ncontent-length: *(\d+)/i.exec(text)
    if (length) return this.#bodyDone(Number(length[1]), head.length - start)
    if (!/\r\ntransfer-encoding: *chunked/i.test(text)) throw new Error('a response without length')
    this.#chunks = Buffer.from(head.subarray(start))
    return this.#chunksDone()
  }

  #bodyDone(length: number, arrived: number): boolean {
    if (arrived > length) throw new Error('the server sent more than its content-length')
    this.length = length
    this.#remaining = length - arrived
    return this.#remaining === 0
  }

  #chunksDone(): boolean {
    const bytes = this.#chunks!
    let at = 0
    let length = 0
    for (;;) {
      const line = bytes.indexOf('\r\n', at)
      if (line < 0) return false
      const size = Number.parseInt(bytes.toString('latin1', at, line), 16)
      if (!(size >= 0)) throw new Error('a chunk without size')
      const next = line + 2 + size + 2
      if (next > bytes.length) return false
      if (size === 0) {
        this.length = length
        this.#chunks = undefined
        return true
      }
      length += size
      at = next
    }
  }
}
