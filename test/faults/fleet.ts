import { setTimeout as wait } from 'node:timers/promises'
import type { Acknowledged } from './acknowledged.ts'
import { Connection } from './connection.ts'
import type { Operation } from './operation.ts'
import type { Random } from './random.ts'
import { Server, type ServerOptions, type Testing } from './server.ts'
import { record } from './workload.ts'

/** After a fault a node must accept writes again within this time: several times what any takes on a busy machine. */
const recoveryMilliseconds = 45_000

interface Node {
  server: Server
  port: number
}

/** Several processes that serve one database. */
export class Fleet {
  readonly violations: string[] = []
  readonly #databases: readonly string[]
  readonly #options: Omit<ServerOptions, 'database'>
  readonly #nodes: (Node | undefined)[]
  readonly #starting = new Set<Server>()
  #probes = 0

  private constructor(databases: readonly string[], options: Omit<ServerOptions, 'database'>) {
    this.#databases = databases
    this.#options = options
    this.#nodes = databases.map(() => undefined)
  }

  /**
   * All at once, each with its own address of the database.
   *
   * @param options `direct` is its address without the pooler, where there is one in between
   */
  static async start(
    databases: readonly string[],
    testing: Testing = {},
    options: Pick<ServerOptions, 'direct' | 'patience'> = {},
  ): Promise<Fleet> {
    const fleet = new Fleet(databases, { ...options, testing })
    try {
      await Promise.all(databases.map((_, at) => fleet.begin(at)))
      return fleet
    } catch (error) {
      fleet.end()
      throw error
    }
  }

  port(random: Random): number {
    const up = this.#nodes.filter((node) => node !== undefined && !node.server.hasEnded) as Node[]
    const some = up.length > 0 ? up : (this.#nodes.filter(Boolean) as Node[])
    return random.pick(some).port
  }

  /** The place of each node. */
  all(): number[] {
    return [...this.#nodes.keys()]
  }

  ports(): number[] {
    return this.#nodes.flatMap((node) => (node ? [node.port] : []))
  }

  async begin(at: number): Promise<void> {
    const server = Server.spawn({ database: this.#databases[at]!, ...this.#options })
    this.#starting.add(server)
    const port = await server.listening().finally(() => this.#starting.delete(server))
    if (port === null) throw new Error(`a node does not start: ${server.output}`)
    this.#nodes[at] = { server, port }
  }

  /** SIGKILL. Resolves when it has ended. */
  async kill(at: number): Promise<void> {
    const { server } = this.#nodes[at]!
    server.kill()
    const { code, signal } = await server.ended
    if (signal !== 'SIGKILL') this.violations.push(`a node ended by itself with ${signal ?? code}: ${server.output}`)
  }

  /** Begins one that does not get far. */
  async killWhileStarting(at: number, milliseconds: number): Promise<void> {
    const server = Server.spawn({ database: this.#databases[at]!, ...this.#options })
    await wait(milliseconds)
    server.kill()
    await server.ended
  }

  /** Nobody but a campaign ends a node. */
  checkUp(): void {
    for (const node of this.#nodes) {
      if (node?.server.hasEnded) this.violations.push(`a node ended by itself: ${node.server.output.slice(-2000)}`)
    }
  }

  /** How the nodes complained of a lock, in their logs, but for answers at a deadline. */
  lockComplaints(): string[] {
    const lines = this.#nodes.flatMap((node) => node?.server.output.split('\n') ?? [])
    const complaints = lines.filter((line) => /database is locked|database_busy|SQLITE_BUSY|\blocked\b/.test(line))
    return complaints.filter((line) => !line.includes('did not begin before its deadline'))
  }

  /** What the nodes said, for whoever looks for the cause of a violation. */
  said(): string {
    return this.#nodes.map((node, at) => `node ${at}: ${node?.server.output.slice(-3000)}`).join('\n')
  }

  /** Resolves when every node has acknowledged a write that was sent to it from now on. */
  async recovered(seed: number, ledger: Acknowledged): Promise<void> {
    const until = performance.now() + recoveryMilliseconds
    await Promise.all(
      this.ports().map(async (port) => {
        const connection = new Connection(port)
        try {
          for (;;) {
            const line = { item: 'probe', quantity: 1, price: '1.00' }
            const operation: Operation = { id: `s${seed}p.${++this.#probes}`, kind: 'order', lines: [line] }
            const sent = ledger.send(operation)
            const answer = await connection.send(operation)
            record(sent, answer)
            if (answer?.status === 201) return
            if (performance.now() > until) {
              this.violations.push(`a node does not recover: ${answer?.status} ${answer?.body}\n${this.said()}`)
              return
            }
            await wait(50)
          }
        } finally {
          connection.close()
        }
      }),
    )
  }

  /** SIGTERM: each must end well. */
  async stop(): Promise<void> {
    await Promise.all(
      this.#nodes.map(async (node) => {
        if (!node || node.server.hasEnded) return
        const { code, signal } = await node.server.stop()
        if (code !== 0) this.violations.push(`a node ended with ${signal ?? code}: ${node.server.output.slice(-2000)}`)
      }),
    )
  }

  end(): void {
    for (const server of this.#starting) server.kill()
    for (const node of this.#nodes) node?.server.kill()
  }
}
