// Stands between an app and PostgreSQL, passes everything on, and cuts a connection at the moment that it was told.
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { freePort } from './free-port.ts'
import { ClientMessages, type Message, ServerMessages } from './postgres-messages.ts'

/**
 * - `before`: a COMMIT arrives, and is never passed on.
 * - `sent`: the COMMIT was passed on, and nobody waits for its answer.
 * - `late`: the client's connection is cut, and the COMMIT is passed on some time after that.
 * - `answered`: the server has committed and said so, and its answer is not passed on.
 * - `torn`: half of that answer is.
 * - `inside`: any message of a client is lost, with the connection.
 * - `silent`: from a COMMIT on nothing passes in either direction, and the connection stays open.
 * - `deaf`: the same, after the COMMIT.
 */
export type Cut = (typeof cuts)[number]
export const cuts = ['before', 'sent', 'late', 'answered', 'torn', 'inside', 'silent', 'deaf'] as const

/** How late a COMMIT is that arrives after its client has gone: long enough to be looked for meanwhile. */
const lateMilliseconds = 400

type Side = 'client' | 'server'
type Take = (side: Side, message: Message) => Cut | undefined

interface Armed {
  cut: Cut
  struck: () => void
}

export class PostgresProxy {
  readonly port: number
  /** Where new connections go. */
  target: number
  readonly #server: Server
  readonly #pairs = new Set<Pair>()
  #armed: Armed | undefined
  /** Nobody is let in: who knocks is turned away. */
  isClosed = false

  private constructor(server: Server, port: number, target: number) {
    this.#server = server
    this.port = port
    this.target = target
    server.on('connection', (client) => this.#accept(client))
  }

  static async listen(target: number): Promise<PostgresProxy> {
    const server = createServer({ noDelay: true })
    const port = await freePort()
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    return new PostgresProxy(server, port, target)
  }

  url(database: string): string {
    return `postgres://root@127.0.0.1:${this.port}/${database}`
  }

  /** Cuts one connection at the next such moment. Resolves when it has. */
  strike(cut: Cut): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    this.#armed = { cut, struck: resolve }
    return promise
  }

  /** Takes back what has not struck. */
  disarm(): void {
    this.#armed = undefined
  }

  /** Cuts every connection. */
  cutAll(): void {
    for (const pair of this.#pairs) pair.cut()
  }

  /** Resolves when no connection is silent any more: until then it may hold locks, for which others wait. */
  async heard(): Promise<void> {
    while ([...this.#pairs].some((pair) => pair.isSilent)) await wait(20)
  }

  async close(): Promise<void> {
    this.#server.close()
    this.cutAll()
    await once(this.#server, 'close')
  }

  #accept(client: Socket): void {
    if (this.isClosed) {
      client.destroy()
      return
    }
    const pair = new Pair(client, this.target, (side, message) => this.#take(side, message))
    this.#pairs.add(pair)
    client.on('close', () => this.#pairs.delete(pair))
  }

  /** What is to be done at a message, if this is the moment for it. */
  #take(side: Side, { commits }: Message): Cut | undefined {
    if (!this.#armed) return undefined
    const { cut, struck } = this.#armed
    const isMoment =
      side === 'server'
        ? commits && (cut === 'answered' || cut === 'torn')
        : cut === 'inside' || (commits && ofClient(cut))
    if (!isMoment) return undefined
    this.#armed = undefined
    struck()
    return cut
  }
}

function ofClient(cut: Cut): boolean {
  return cut !== 'answered' && cut !== 'torn'
}

/**
 * A client's connection and the one to the server.
 *
 *   passing -> ended     either side ended, or both were cut
 *   passing -> silent    nothing passes any more; ends when the client gives up
 *   passing -> parting   the client is gone, and the server still gets what it had sent
 */
class Pair {
  readonly #client: Socket
  readonly #server: Socket
  readonly #take: Take
  #state: 'passing' | 'silent' | 'parting' = 'passing'

  constructor(client: Socket, target: number, take: Take) {
    this.#client = client
    this.#server = connect({ port: target, host: '127.0.0.1', noDelay: true })
    this.#take = take
    const fromClient = new ClientMessages()
    const fromServer = new ServerMessages(fromClient)
    client.on('data', (chunk: Buffer) => this.#pass('client', fromClient.read(chunk)))
    this.#server.on('data', (chunk: Buffer) => this.#pass('server', fromServer.read(chunk)))
    client.on('error', () => {}).on('close', () => this.#state !== 'parting' && this.#server.destroy())
    this.#server.on('error', () => {}).on('close', () => this.#state !== 'silent' && client.destroy())
  }

  get isSilent(): boolean {
    return this.#state === 'silent'
  }

  #pass(side: Side, messages: Message[]): void {
    const to = side === 'client' ? this.#server : this.#client
    for (const message of messages) {
      if (this.#state !== 'passing') return
      const cut = this.#take(side, message)
      if (cut) this.#cutAt(cut, message)
      else if (!to.destroyed) to.write(message.bytes)
    }
  }

  #cutAt(cut: Cut, { bytes }: Message): void {
    switch (cut) {
      case 'silent':
        this.#state = 'silent'
        return
      case 'deaf':
        this.#state = 'silent'
        this.#server.write(bytes)
        return
      case 'sent':
        this.#part()
        this.#server.end(bytes)
        return
      case 'late':
        this.#part()
        void wait(lateMilliseconds).then(() => this.#server.end(bytes))
        return
      case 'torn':
        this.#client.end(bytes.subarray(0, bytes.length >> 1))
        this.#server.destroy()
        return
      default:
        this.cut()
    }
  }

  #part(): void {
    this.#state = 'parting'
    this.#client.destroy()
  }

  cut(): void {
    this.#client.destroy()
    this.#server.destroy()
  }
}
