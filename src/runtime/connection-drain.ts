// Ends an HTTP server without failing a request that had a right to be answered.
//
// States: open → draining → closed.
// Draining stops accepting, but leaves open connections alone for a while: a client that has an idle one may be sending a
// request on it this very moment, and closing it then is a reset that a POST may not be retried after (nodejs/node#60617;
// Node's own server.close() does that). Each answer from now on says `Connection: close`, so that the client ends its
// connection itself. Connections that stayed idle are closed after `idleGrace`; what is not finished at `deadline` is cut.
import type { Server, ServerResponse } from 'node:http'
import net from 'node:net'

export interface DrainOptions {
  /** Milliseconds from the call until connections with a request under way are cut. */
  deadline: number
  /** Milliseconds from the call until idle connections are closed: more than a client's way here and back. */
  idleGrace: number
}

export interface DrainResult {
  /** Connections that were cut at the deadline. */
  cut: number
}

/** Node keeps the response that a connection is answering here; there is no public way to find it. */
type HttpSocket = net.Socket & { _httpMessage?: ServerResponse | null }

// How often connections that became idle late are looked for. They have been told to close, so this is for the few
// whose header was sent before the drain began.
const lookEvery = 50

export class ConnectionDrain {
  readonly #server: Server
  readonly #sockets = new Set<HttpSocket>()
  #draining: Promise<DrainResult> | undefined
  /** On the monotonic clock: when what is under way is cut, and idle connections are closed. */
  #cutAt = Number.POSITIVE_INFINITY
  #idleUntil = Number.POSITIVE_INFINITY

  /** Must be made before the server accepts its first connection. */
  constructor(server: Server) {
    this.#server = server
    server.on('connection', (socket: HttpSocket) => {
      this.#sockets.add(socket)
      socket.once('close', () => this.#sockets.delete(socket))
    })
  }

  get connections(): number {
    return this.#sockets.size
  }

  /** Resolves when no connection is left. A second call joins the first, and can only hasten it. */
  drain({ deadline, idleGrace }: DrainOptions): Promise<DrainResult> {
    const now = performance.now()
    this.#cutAt = Math.min(this.#cutAt, now + deadline)
    this.#idleUntil = Math.min(this.#idleUntil, now + idleGrace)
    return (this.#draining ??= this.#drain())
  }

  async #drain(): Promise<DrainResult> {
    // net's close: http's would destroy idle connections at once. One that is handed its connections does not listen, and
    // is closed before they are.
    const closed = new Promise<void>((resolve) => net.Server.prototype.close.call(this.#server, () => resolve())).then(
      () => this.#emptied(),
    )
    this.#server.prependListener('request', (_request, response) => closeAfter(response))
    for (const { _httpMessage } of this.#sockets) if (_httpMessage) closeAfter(_httpMessage)
    let cut = 0
    const look = setInterval(() => {
      const now = performance.now()
      if (now >= this.#cutAt) cut += this.#destroy(() => true)
      else if (now >= this.#idleUntil) this.#closeIdle()
    }, lookEvery)
    await closed
    clearInterval(look)
    // It is closed already; this ends the timer with which http checks for slow requests.
    this.#server.close(() => {})
    return { cut }
  }

  async #emptied(): Promise<void> {
    const left = [...this.#sockets]
    await Promise.all(left.map((socket) => socket.closed || new Promise((resolve) => socket.once('close', resolve))))
  }

  #closeIdle(): void {
    this.#server.closeIdleConnections()
    // Connections that never sent anything, as browsers open them in advance: not every Node counts them as idle.
    this.#destroy((socket) => socket.bytesRead === 0)
  }

  #destroy(which: (socket: HttpSocket) => boolean): number {
    const chosen = [...this.#sockets].filter((socket) => !socket.destroyed && which(socket))
    for (const socket of chosen) socket.destroy()
    return chosen.length
  }
}

/** The answer says `Connection: close`, if its header has not been sent. */
function closeAfter(response: ServerResponse): void {
  response.shouldKeepAlive = false
}
