import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import type { Ports } from './effects-clients.ts'
import { type FailingDisk, hasFailed, underFailing, wrongEnd } from './effects-failing.ts'
import { type HeldSync, heldAtSync, isHeld } from './effects-held.ts'
import type { EffectsTesting } from './effects-planted.ts'
import type { PointOptions } from './effects-points.ts'
import { signal } from './processes.ts'
import type { Random } from './random.ts'
import { Server } from './server.ts'

/** Milliseconds after which a process is killed anyhow, when it has not come to its point. */
const longestLife = 1_500

/** Milliseconds within which a process ends by itself once a sync has failed. */
const longestEnd = 10_000

/** How a process met its end, or what else happened to it. */
export type Death = 'point' | 'time' | 'start' | 'start refused' | 'itself'

interface Node {
  server: Server
  port: number | undefined
}

export interface FleetOptions {
  database: string
  testing: Omit<EffectsTesting, 'point'>
  /** That each of them runs. */
  program: string
  /** For files beside the database. */
  folder: string
  /** How many processes serve. */
  size: number
}

/** Processes that serve one database and meet their end again and again. */
export class EffectsFleet implements Ports {
  readonly violations: string[] = []
  readonly #options: FleetOptions
  readonly #nodes: (Node | undefined)[]
  #hasStopped = false
  #traces = 0

  constructor(options: FleetOptions) {
    this.#options = options
    this.#nodes = Array(options.size).fill(undefined)
  }

  port(random: Random): number | undefined {
    const up = this.#nodes.filter((node) => node?.port !== undefined && !node.server.hasEnded) as Node[]
    return up.length > 0 ? random.pick(up).port : undefined
  }

  #spawn(at: number, point?: PointOptions, under?: readonly string[]): Node {
    const { database, testing, program } = this.#options
    const server = Server.spawn({ database, testing: { ...testing, point }, main: program, under })
    const node: Node = { server, port: undefined }
    this.#nodes[at] = node
    return node
  }

  /** One that is not struck. */
  async begin(at: number): Promise<void> {
    const node = this.#spawn(at)
    node.port = (await node.server.listening()) ?? undefined
    if (node.port === undefined) throw new Error(`a process does not start: ${node.server.output.slice(-2000)}`)
  }

  async beginAll(): Promise<void> {
    await Promise.all(this.#nodes.map((_, at) => this.begin(at)))
  }

  /** The life of one process, from its start until it is killed at a point, or, if it does not come by, after some time. */
  async live(at: number, point: PointOptions | undefined, random: Random): Promise<Death> {
    const sync = point && this.#syncOf(point)
    const failing = point && this.#failingOf(point)
    const under = sync ? heldAtSync(sync) : failing && underFailing(failing)
    const node = under ? this.#spawn(at, undefined, under) : this.#spawn(at, point)
    const { server } = node
    const isHere = sync && this.#killHeld(server, sync)
    if (random.chance(0.04)) {
      await wait(random.below(600))
      server.kill()
      await server.ended
      return 'start'
    }
    node.port = (await server.listening()) ?? undefined
    const life = point ? longestLife : random.below(600)
    if (node.port !== undefined) await Promise.race([server.ended, wait(life, undefined, { ref: false })])
    const failed = failing && hasFailed(failing) ? failing : undefined
    if (failed?.what === 'fsync:fails') await Promise.race([server.ended, wait(longestEnd, undefined, { ref: false })])
    const ended = server.hasEnded
    if (!ended) server.killAll()
    const { code, signal: how } = await server.ended
    if (/^point \S+ kill$/m.test(server.output) || (await isHere)) return 'point'
    if (failed) {
      const wrong = wrongEnd(failed, { isOwn: ended, code, port: node.port })
      if (wrong) this.violations.push(`audit: ${wrong}: ${server.output.slice(-3000)}`)
      return 'point'
    }
    if (!ended) return 'time'
    // A start needs its database; whoever runs processes starts them again.
    if (node.port === undefined && /database_(unavailable|busy)/.test(server.output)) return 'start refused'
    this.violations.push(`a process ended by itself with ${how ?? code}: ${server.output.slice(-3000)}`)
    return 'itself'
  }

  #syncOf({ name, nth }: PointOptions): HeldSync | undefined {
    if (name !== 'fsync:before' && name !== 'fsync:after') return undefined
    return { file: this.#trace(), at: name === 'fsync:before' ? 'before' : 'after', nth }
  }

  #failingOf({ name, nth }: PointOptions): FailingDisk | undefined {
    if (name !== 'fsync:fails' && name !== 'disk:full') return undefined
    return { what: name, nth, file: this.#trace(), database: this.#options.database }
  }

  #trace(): string {
    return path.join(this.#options.folder, `trace-${++this.#traces}`)
  }

  /** @returns whether it came there */
  async #killHeld(server: Server, sync: HeldSync): Promise<boolean> {
    while (!server.hasEnded) {
      if (isHeld(sync)) {
        server.killAll()
        return true
      }
      await wait(5)
    }
    return false
  }

  /** Stops one where it is for some time. @returns whether there was one */
  async freeze(at: number, milliseconds: number): Promise<boolean> {
    const pid = this.#nodes[at]?.server.pid
    if (pid === undefined || this.#nodes[at]!.server.hasEnded) return false
    signal(pid, 'SIGSTOP')
    await wait(milliseconds)
    signal(pid, 'SIGCONT')
    return true
  }

  said(): string {
    return this.#nodes.map((node, at) => `process ${at}: ${node?.server.output.slice(-3000)}`).join('\n')
  }

  get hasStopped(): boolean {
    return this.#hasStopped
  }

  /** SIGTERM: each must end well. */
  async stop(): Promise<void> {
    this.#hasStopped = true
    await Promise.all(
      this.#nodes.map(async (node) => {
        if (!node || node.server.hasEnded) return
        const { code, signal: how } = await node.server.stop()
        if (code !== 0) this.violations.push(`a process ended with ${how ?? code}: ${node.server.output.slice(-3000)}`)
      }),
    )
  }

  end(): void {
    for (const node of this.#nodes) node?.server.kill()
  }
}
