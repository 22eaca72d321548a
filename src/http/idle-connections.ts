// Closes connections that have waited too long for their next request, and those of clients that read nothing of an answer.
//
// Node would do the first by a timer that each request takes and gives back, which costs a raw server some 8 % of its time,
// and the second not at all. Here nothing happens per request: a look at all connections, eight times in the time they may
// wait, compares what has been read from each, and what it has not yet taken, with what had been at the last look.
//
// A connection is new → (bytes come) active → (none since the last look, and nothing being answered) idle since then →
// closed. With an answer that is whole but not taken by the client it is stalled since it last took a byte of it → closed.
// It is forgotten when it closes or stops speaking HTTP. What is streamed is looked after in stream-registry.ts.
import type { Server, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'

interface Watched {
  bytesRead: number
  /** Bytes of a whole answer that the system has not taken yet. */
  unsent: number
  /** When it had last been seen to get on; `performance.now()`. */
  at: number
}

/** Node keeps the answer under way and the parser here; there is no public way to them. */
type HttpSocket = Socket & {
  _httpMessage?: ServerResponse | null
  parser?: object | null
  _handle?: { writeQueueSize: number } | null
}

/**
 * Closes the server's connections on which nothing has come for `wait` ms, or none of a whole answer gone for `stall` ms, or
 * up to an eighth more. Ends with the server.
 */
export function closeIdleConnections(server: Server, wait: number, stall: number): void {
  const watched = new Map<HttpSocket, Watched>()
  server.on('connection', (socket: HttpSocket) => {
    watched.set(socket, { bytesRead: 0, unsent: 0, at: performance.now() })
    socket.once('close', () => watched.delete(socket))
  })
  const look = setInterval(() => {
    const now = performance.now()
    for (const [socket, seen] of watched) {
      const { _httpMessage: answer, bytesRead } = socket
      // Not `bytesWritten`, which has them as soon as they are handed over.
      const unsent = answer?.writableEnded ? (socket._handle?.writeQueueSize ?? 0) : 0
      const isStalled = unsent > 0 && unsent === seen.unsent
      if (!socket.parser) watched.delete(socket)
      else if (answer ? !isStalled : bytesRead !== seen.bytesRead) seen.at = now
      else if (now - seen.at >= (answer ? stall : wait)) socket.destroy()
      seen.bytesRead = bytesRead
      seen.unsent = unsent
    }
  }, Math.min(wait, stall) / 8)
  look.unref()
  server.once('close', () => clearInterval(look))
}
