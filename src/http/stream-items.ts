import { Readable } from 'node:stream'

// States: waiting → asking ⇄ full → ended.
// `asking`: the source is making the next item. `full`: the client reads more slowly than the source makes, which is asked
// for nothing until there is room. Ended by the source, by the client, by an error of either, or by `finish`.
// Nothing outlives the connection but what the source has not given up yet: it is told by `signal` and by `return()`.

export interface ItemStreamOptions {
  /** What is sent before the first item, so that the client has its header at once. */
  greeting?: string
  /** Sent each `every` milliseconds in which nothing else was. */
  heartbeat?: { text: string; every: number }
  /** It has no end of its own, and is ended when the server stops. */
  endless?: boolean
}

/** What an async iterable gives, one item at a time and no faster than it is read. */
export class ItemStream extends Readable {
  readonly endless: boolean
  readonly #source: AsyncIterable<unknown>
  readonly #encode: (item: unknown) => string
  readonly #heartbeat: ItemStreamOptions['heartbeat']
  #greeting: string | undefined
  #items: AsyncIterator<unknown> | undefined
  #asking = false
  #ended = false
  #timer: NodeJS.Timeout | undefined

  constructor(
    source: AsyncIterable<unknown>,
    encode: (item: unknown) => string,
    { greeting, heartbeat, endless = false }: ItemStreamOptions = {},
  ) {
    super({ encoding: undefined })
    this.endless = endless
    this.#source = source
    this.#encode = encode
    this.#heartbeat = heartbeat
    this.#greeting = greeting
  }

  /** Ends it well, whatever the source is doing. */
  finish(): void {
    if (this.#ended) return
    if (this.#greeting !== undefined) this.push(this.#greeting)
    this.#end()
    this.push(null)
  }

  override _read(): void {
    if (this.#greeting !== undefined) {
      const greeting = this.#greeting
      this.#greeting = undefined
      this.push(greeting)
      this.#rest()
    }
    if (!this.#asking && !this.#ended) void this.#ask()
  }

  async #ask(): Promise<void> {
    this.#asking = true
    try {
      this.#items ??= this.#source[Symbol.asyncIterator]()
      let room = true
      while (room) {
        const { done, value } = await this.#items.next()
        if (this.#ended) return
        if (done) {
          this.#end()
          this.push(null)
          return
        }
        room = this.push(this.#encode(value))
        this.#timer?.refresh()
      }
    } catch (error) {
      if (!this.#ended) this.destroy(error as Error)
    } finally {
      this.#asking = false
    }
  }

  /** Has the heartbeat sent when nothing else was. */
  #rest(): void {
    if (!this.#heartbeat) return
    const { text, every } = this.#heartbeat
    this.#timer = setInterval(() => {
      // With something still unread, one more would only wait behind it.
      if (this.readableLength === 0) this.push(text)
    }, every)
    this.#timer.unref()
  }

  #end(): void {
    this.#ended = true
    this.#greeting = undefined
    clearInterval(this.#timer)
    // A source that waits for something goes on waiting; nobody waits for it.
    const items = this.#items ?? this.#source[Symbol.asyncIterator]()
    Promise.resolve(items.return?.()).catch(() => {})
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    if (!this.#ended) this.#end()
    done(error)
  }
}
