// A process of several, as it sees its supervisor.
//
// joined → leaving (it stops, and says so) → left (the supervisor sends no more connections) → gone
// The supervisor owns the socket that listens, and sends each connection to one process. When the supervisor dies the
// channel breaks, and the process finishes what is under way and ends.
import type { Server } from 'node:http'
import type { Socket } from 'node:net'
import { MonoblocError } from '../errors.ts'
import type { Address } from './listening.ts'
import { SupervisedTurns } from './supervised-turns.ts'
import type { SupervisorMessage, WorkerMessage } from './supervisor-messages.ts'

export interface SupervisedProcessOptions {
  /** Which of the processes it is, from 1 on, for log lines. */
  number: number
  /** No process has listened before: whether the port is free is worth knowing before the database is filled. */
  first: boolean
  send: (message: WorkerMessage) => void
}

/** Should a supervisor hang: a process that stops goes on without its word after so many milliseconds. */
const longestLeave = 1000

export class SupervisedProcess {
  readonly number: number
  readonly first: boolean
  readonly turns: SupervisedTurns
  /** Milliseconds that idle connections are kept while it stops; undefined where all stop. */
  patience: number | undefined
  /** It was told to stop. */
  isStopping = false
  /** It was told to stop without patience, maybe after it began to with some. */
  readonly hurried = Promise.withResolvers<void>()
  /** Milliseconds that requests under way get, as its configuration says. */
  drain = 0
  /** What the supervisor said last. */
  processes: { ready: number; wanted: number } | undefined
  readonly #send: (message: WorkerMessage) => void
  readonly #servers = new Map<string, Server>()
  readonly #listening: PromiseWithResolvers<Address>[] = []
  readonly #left = Promise.withResolvers<void>()
  #leaving = false
  #closed = 0

  constructor({ number, first, send }: SupervisedProcessOptions) {
    this.number = number
    this.first = first
    this.#send = send
    this.turns = new SupervisedTurns(send)
  }

  /**
   * The server answers connections of that address from now on. It does not listen itself.
   *
   * @throws MonoblocError `port_taken`, `listen_refused`
   */
  async listen(server: Server, port: number, host: string): Promise<Address> {
    // Node tracks timeouts and idle connections of a server once it says that it listens.
    server.emit('listening')
    this.#servers.set(`${host} ${port}`, server)
    const answer = Promise.withResolvers<Address>()
    this.#listening.push(answer)
    this.#send({ kind: 'listen', port, host })
    return answer.promise
  }

  /** Resolves when no connection will come any more. */
  async leave(): Promise<void> {
    if (!this.#leaving) this.#send({ kind: 'leaving' })
    this.#leaving = true
    const late = setTimeout(this.#left.resolve, longestLeave)
    await this.#left.promise
    clearTimeout(late)
  }

  heard(message: SupervisorMessage, socket?: Socket): void {
    switch (message.kind) {
      case 'connection':
        this.#send({ kind: 'taken', id: message.id })
        // Without one its client has gone meanwhile.
        if (socket) this.#take(socket, `${message.host} ${message.port}`)
        else this.#send({ kind: 'closed', count: 1 })
        break
      case 'listening':
        this.#listening.shift()?.resolve(message.address)
        break
      case 'not listening':
        this.#listening.shift()?.reject(new MonoblocError(message.code, { detail: message.detail }))
        break
      case 'left':
        this.#left.resolve()
        break
      case 'turn':
        this.turns.arrived()
        break
      case 'turn wanted':
        this.turns.wanted()
        break
      case 'processes':
        this.processes = message
    }
  }

  #take(socket: Socket, key: string): void {
    socket.once('close', () => {
      if (this.#closed++ === 0) setImmediate(this.#tellClosed)
    })
    const server = this.#servers.get(key)
    if (!server) {
      socket.destroy()
      return
    }
    // As Node makes them for a server that listens: who has sent its request may end its side and wait for the answer.
    socket.allowHalfOpen = true
    socket.setNoDelay(true)
    server.emit('connection', socket)
    socket.resume()
  }

  #tellClosed = (): void => {
    const count = this.#closed
    this.#closed = 0
    this.#send({ kind: 'closed', count })
  }
}
