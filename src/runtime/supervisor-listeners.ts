import { createServer, type Server, type Socket } from 'node:net'
import { type ErrorCode, errorTable, MonoblocError } from '../errors.ts'
import { type Address, listenOn } from './listening.ts'
import type { SupervisorChild } from './supervisor-child.ts'

/** Connections that wait for a process that serves, at most: as many as the system itself lets wait. One more is closed. */
const mostHeld = 511

interface Listener {
  server: Server
  host: string
  port: number
  listening: Promise<Address>
  held: Socket[]
}

/**
 * The sockets that listen, which outlive every process that serves, and who is given which connection: the process with the
 * fewest. While none serves, connections wait.
 */
export class SupervisorListeners {
  readonly #listeners = new Map<string, Listener>()
  readonly #children: () => Iterable<SupervisorChild>
  #lastId = 0

  constructor(children: () => Iterable<SupervisorChild>) {
    this.#children = children
  }

  /** Listens, unless it does already. @throws MonoblocError `port_taken`, `listen_refused` */
  async listen(child: SupervisorChild, port: number, host: string): Promise<Address> {
    const key = `${host} ${port}`
    let listener = this.#listeners.get(key)
    if (!listener) {
      const server = createServer({ pauseOnConnect: true }, (socket) => this.#give(made, socket))
      const made: Listener = { server, host, port, listening: listenOn(server, port, host), held: [] }
      listener = made
      this.#listeners.set(key, made)
      made.listening.catch(() => this.#listeners.delete(key))
    }
    const address = await listener.listening
    child.keys.add(key)
    return address
  }

  /** A process serves, or serves no more: connections that wait for one may have one now. */
  look(): void {
    for (const listener of this.#listeners.values()) {
      for (const socket of listener.held.splice(0)) this.#give(listener, socket)
    }
  }

  /** The process has the connection. */
  taken(child: SupervisorChild, id: number): void {
    child.offered.get(id)?.socket.destroy()
    child.offered.delete(id)
  }

  /** What a process that has ended never took is given to others. */
  takeBack(child: SupervisorChild): void {
    for (const { key, socket } of child.offered.values()) {
      const listener = this.#listeners.get(key)
      if (listener) this.#give(listener, socket)
      else socket.destroy()
    }
    child.offered.clear()
  }

  /** Ends what nobody wants any more: after a reload the app may listen elsewhere. */
  closeUnused(): void {
    const used = new Set(
      [...this.#children()].filter(({ state }) => state === 'ready').flatMap(({ keys }) => [...keys]),
    )
    for (const [key, listener] of this.#listeners) if (!used.has(key)) this.#close(key, listener)
  }

  close(): void {
    for (const [key, listener] of this.#listeners) this.#close(key, listener)
  }

  #close(key: string, { server, held }: Listener): void {
    this.#listeners.delete(key)
    server.close()
    for (const socket of held) socket.destroy()
  }

  #give(listener: Listener, socket: Socket): void {
    if (socket.destroyed) return
    const key = `${listener.host} ${listener.port}`
    let chosen: SupervisorChild | undefined
    for (const child of this.#children()) {
      if (child.state !== 'ready' || !child.keys.has(key)) continue
      if (!chosen || child.open < chosen.open || (child.open === chosen.open && child.given < chosen.given))
        chosen = child
    }
    if (chosen) {
      const id = ++this.#lastId
      chosen.open++
      chosen.given++
      chosen.offered.set(id, { key, socket })
      chosen.send({ kind: 'connection', id, port: listener.port, host: listener.host }, socket)
    } else if (listener.held.length < mostHeld && this.#listeners.has(key)) {
      listener.held.push(socket)
    } else {
      socket.destroy()
    }
  }
}

/** What a process is told of an error: its words, of which the code brings the first and the last itself. */
export function wordsOf(error: unknown): { code: ErrorCode; detail: string } {
  if (!(error instanceof MonoblocError)) return { code: 'listen_refused', detail: String(error) }
  const { message, remedy } = errorTable[error.code]
  return { code: error.code, detail: error.message.replace(message, '').replace(remedy, '').trim() }
}
