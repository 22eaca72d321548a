import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { atEnd } from '../campaign/at-end.ts'
import type { Random } from '../faults/random.ts'
import { connectOutside } from './log-order-database.ts'

/** What befalls those who give positions, and others: how often each did. */
export type Faults = Record<'stopped' | 'killed' | 'terminated' | 'silent', number>

/** Nodes in processes of their own that give positions, stopped and killed; backends that are terminated; and one who takes the lock and says nothing more. */
export class Tormentor {
  readonly #url: string
  readonly #random: Random
  readonly faults: Faults = { stopped: 0, killed: 0, terminated: 0, silent: 0 }
  #nodes: ChildProcess[] = []
  #isOver = false

  constructor(url: string, random: Random) {
    this.#url = url
    this.#random = random
  }

  async run(nodes: number): Promise<void> {
    const admin = await connectOutside(this.#url, 'tormentor')
    await Promise.all(Array.from({ length: nodes }, () => this.#start()))
    const silent = nodes > 0 ? this.#silent() : undefined
    while (!this.#isOver) {
      await wait(100 + this.#random.below(400))
      const kind = nodes > 0 ? this.#random.next() : 1
      const node = this.#random.pick(this.#nodes)
      if (kind < 0.5) await this.#stopFor(node, 20 + this.#random.below(400))
      else if (kind < 0.58) await this.#kill(node)
      else {
        const whom = this.#random.pick(['stamper', 'stamper', 'reader', 'writer'])
        const { rowCount } = await admin.query(
          `select pg_terminate_backend(pid) from (select pid from pg_stat_activity where application_name = $1 and
             datname = current_database() order by random() limit 1) one`,
          [whom],
        )
        this.faults.terminated += rowCount ?? 0
      }
    }
    await silent
    for (const node of this.#nodes) node.kill('SIGKILL')
    await admin.end()
  }

  stop(): void {
    this.#isOver = true
  }

  async #start(): Promise<void> {
    const file = path.join(import.meta.dirname, 'log-order-stamper.ts')
    const node = fork(file, [this.#url], { execArgv: ['--conditions=source'] })
    const forget = atEnd(() => node.kill('SIGKILL'))
    node.once('exit', forget)
    await once(node, 'message')
    this.#nodes.push(node)
  }

  async #stopFor(node: ChildProcess, millis: number): Promise<void> {
    node.kill('SIGSTOP')
    this.faults.stopped++
    await wait(millis)
    node.kill('SIGCONT')
  }

  async #kill(node: ChildProcess): Promise<void> {
    // Stopped in the middle of whatever it does, and then gone.
    if (this.#random.chance(0.5)) await this.#stopFor(node, 50)
    node.kill('SIGKILL')
    this.faults.killed++
    this.#nodes = this.#nodes.filter((one) => one !== node)
    await this.#start()
  }

  /** As a stamp whose message was cut in the middle, behind a pooler that has lost the settings: others must end it. */
  async #silent(): Promise<void> {
    const client = await connectOutside(this.#url, 'silent')
    const gone = new Promise<void>((resolve) => client.once('end', resolve))
    await client.query('begin')
    await client.query(
      `select pg_advisory_xact_lock((${0x6d6f6e6f}::bigint << 32) | 'monobloc_log'::regclass::oid::bigint)`,
    )
    await gone
    this.faults.silent++
  }
}
