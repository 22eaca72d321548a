// Several processes of one app on one machine, and one that starts them.
//
// starting: the first process makes the database ready and serves; then the others start together
// serving ⇄ reloading (SIGHUP): a new process for each, one after the other; when it serves, the old one stops
// ending (SIGTERM, SIGINT): all stop → exit 0; what is not done in time is killed, and the exit is 1
// A process that ends by itself is started again, after a pause that doubles from one failure to the next.
// When the first process never serves, or none has for ten starts, it ends with that process's exit code.
// A crash of the supervisor breaks its channels: the processes finish what is under way and end, and no work is lost.
import { constants } from 'node:os'
import type { Logger } from '../observe/index.ts'
import { exitCodes } from './exit-code.ts'
import { type ChildOptions, type Ended, SupervisorChild } from './supervisor-child.ts'
import { SupervisorListeners, wordsOf } from './supervisor-listeners.ts'
import type { SupervisorMessage, WorkerMessage } from './supervisor-messages.ts'
import { lookMillis, SupervisorTurns } from './supervisor-turns.ts'

export interface SupervisorOptions extends Pick<ChildOptions, 'program' | 'environment' | 'onLines'> {
  /** The arguments of the program, which is also told its number and whether it is the first to listen. */
  args: readonly string[]
  processes: number
  log: Logger
}

/** Pauses before a process that ended by itself is started again, in milliseconds: the first, and the longest. */
const firstPause = 100
const longestPause = 10_000

/** A process that has served for so long starts again at once, whatever was before. */
const stableMillis = 60_000

/** So many starts without one process that serves: about half a minute. Whoever watches this process then knows more. */
const mostFailures = 10

/** A new version that does not serve after so long is given up, and the old one goes on. */
const reloadMillis = 120_000

/**
 * How long a process that was replaced keeps connections on which nothing comes: longer than clients do, so that none is
 * closed while its next request is on the way. It is what a process gives them that is not replaced.
 */
const patienceMillis = 72_000

/** What closing the database may take beside the drain. */
const closingMillis = 2_000

/** One of the processes that there are to be. */
interface Slot {
  number: number
  child: SupervisorChild | undefined
  failures: number
  pause: NodeJS.Timeout | undefined
}

export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #slots: Slot[]
  /** All that run, those that were replaced too. */
  readonly #children = new Set<SupervisorChild>()
  readonly #listeners = new SupervisorListeners(() => this.#children)
  readonly #turns = new SupervisorTurns()
  readonly #done = Promise.withResolvers<number>()
  #state: 'starting' | 'serving' | 'ending' = 'starting'
  #reloading: Promise<void> | undefined
  #isReloadAsked = false
  #hasListened = false

  constructor(options: SupervisorOptions) {
    this.#options = options
    this.#slots = Array.from({ length: options.processes }, (_, at) => ({
      ...{ number: at + 1, child: undefined, failures: 0, pause: undefined },
    }))
  }

  /** @returns the exit code, when it has ended */
  async run(): Promise<number> {
    const look = setInterval(() => this.#turns.look(), lookMillis)
    try {
      void this.#begin()
      return await this.#done.promise
    } finally {
      clearInterval(look)
      this.#listeners.close()
    }
  }

  async #begin(): Promise<void> {
    const [first, ...others] = this.#slots as [Slot, ...Slot[]]
    const child = this.#start(first)
    const ended = await this.#served(child)
    if (this.#state === 'ending') return
    if (ended) {
      // It has said why.
      this.#done.resolve(ended.code || exitCodes.failure)
      return
    }
    this.#state = 'serving'
    for (const slot of others) this.#start(slot)
    // What was asked for while the first one started.
    if (this.#isReloadAsked) this.reload()
  }

  /** All stop. A second signal ends at once. */
  stop(signal: 'SIGINT' | 'SIGTERM'): void {
    const { log } = this.#options
    if (this.#state === 'ending') {
      for (const child of this.#children) child.kill()
      this.#done.resolve(128 + constants.signals[signal])
      return
    }
    log.info(`${signal}: ${this.#children.size} processes finish what is under way; a second signal stops at once`)
    void this.#stopAll()
  }

  async #stopAll(): Promise<void> {
    const { log } = this.#options
    this.#state = 'ending'
    for (const slot of this.#slots) clearTimeout(slot.pause)
    this.#listeners.close()
    const drain = Math.max(0, ...[...this.#children].map((child) => child.drain))
    const late = setTimeout(() => {
      for (const child of this.#children) child.kill()
    }, drain + closingMillis)
    const ends = await Promise.all(
      [...this.#children].map((child) => {
        this.#stop(child, undefined)
        return child.ended
      }),
    )
    clearTimeout(late)
    const failed = ends.filter(({ code }) => code !== 0)
    if (failed.length > 0) log.error('not every process stopped in order', { processes: failed })
    else log.info('stopped')
    this.#done.resolve(failed.length > 0 ? exitCodes.failure : exitCodes.ok)
  }

  /** Replaces every process by one that loads the app anew. While that goes on, one more is remembered. */
  reload(): void {
    if (this.#state === 'ending') return
    this.#isReloadAsked = true
    if (this.#state === 'starting') return
    this.#reloading ??= this.#reloadAll().finally(() => (this.#reloading = undefined))
  }

  async #reloadAll(): Promise<void> {
    const { log } = this.#options
    while (this.#isReloadAsked && this.#state === 'serving') {
      this.#isReloadAsked = false
      this.#hurryLate()
      let replaced = 0
      log.info(`reloading ${this.#slots.length} processes, one after the other`)
      for (const slot of this.#slots) {
        if (!(await this.#replace(slot))) break
        replaced++
      }
      if (this.#state !== 'serving') return
      if (replaced === this.#slots.length) {
        this.#listeners.closeUnused()
        log.info(`reloaded: all ${replaced} processes are new`)
      } else {
        const rest = replaced === 0 ? 'the old ones go on' : `${replaced} of ${this.#slots.length} were replaced`
        log.error(`the new version does not start: ${rest}`, { replaced })
      }
    }
  }

  async #replace(slot: Slot): Promise<boolean> {
    const { log } = this.#options
    clearTimeout(slot.pause)
    const child = this.#spawn(slot.number)
    const late = setTimeout(() => {
      log.error(`process ${slot.number}: the new one does not serve after ${reloadMillis / 1000} s`, { pid: child.pid })
      child.kill()
    }, reloadMillis)
    const ended = await this.#served(child)
    clearTimeout(late)
    if (this.#state !== 'serving') return false
    if (ended) {
      log.error(`process ${slot.number}: the new one ended before it served`, { pid: child.pid, ...ended })
      if (!slot.child || slot.child.state === 'ended') this.#again(slot, ended)
      return false
    }
    const old = slot.child
    slot.child = child
    slot.failures = 0
    clearTimeout(slot.pause)
    if (old && old.state !== 'ended') this.#stop(old, patienceMillis)
    this.#tellAll()
    return true
  }

  /** Those of a reload before the last one have had their time: no more than twice the processes run for long. */
  #hurryLate(): void {
    for (const child of this.#children) if (child.state === 'leaving') this.#stop(child, undefined)
  }

  #stop(child: SupervisorChild, patience: number | undefined): void {
    if (child.state === 'ready' || child.state === 'starting') child.state = 'leaving'
    child.send({ kind: 'stop', patience })
  }

  #start(slot: Slot): SupervisorChild {
    slot.child = this.#spawn(slot.number)
    return slot.child
  }

  #spawn(number: number): SupervisorChild {
    const { args, ...options } = this.#options
    const child = new SupervisorChild({
      ...options,
      args: [...args, String(number), this.#hasListened ? 'next' : 'first'],
      number,
      events: { message: (from, message) => this.#heard(from, message), ended: (one) => void this.#ended(one) },
    })
    this.#children.add(child)
    return child
  }

  /** Resolves with undefined when it serves, and otherwise with how it ended. */
  async #served(child: SupervisorChild): Promise<Ended | undefined> {
    return Promise.race([child.ready.then(() => undefined), child.ended])
  }

  #heard(child: SupervisorChild, message: WorkerMessage): void {
    switch (message.kind) {
      case 'listen':
        void this.#listen(child, message.port, message.host)
        break
      case 'ready':
        child.drain = message.drain
        child.serves()
        this.#listeners.look()
        this.#tellAll()
        break
      case 'taken':
        this.#listeners.taken(child, message.id)
        break
      case 'closed':
        child.open -= message.count
        break
      case 'leaving':
        if (child.state !== 'ended') child.state = 'leaving'
        child.send({ kind: 'left' })
        this.#tellAll()
        break
      case 'want turn':
        this.#turns.want(child)
        break
      case 'give turn':
        this.#turns.give(child, message.refused)
    }
  }

  async #listen(child: SupervisorChild, port: number, host: string): Promise<void> {
    let answer: SupervisorMessage
    try {
      answer = { kind: 'listening', address: await this.#listeners.listen(child, port, host) }
      this.#hasListened = true
    } catch (error) {
      answer = { kind: 'not listening', ...wordsOf(error) }
    }
    child.send(answer)
  }

  #ended(child: SupervisorChild): void {
    this.#children.delete(child)
    this.#turns.forget(child)
    this.#listeners.takeBack(child)
    if (this.#state === 'ending') return
    this.#tellAll()
    const slot = this.#slots.find((one) => one.child === child)
    // One that was replaced, or the first one, whose end is the end of all.
    if (!slot || this.#state === 'starting') return
    void child.ended.then((ended) => this.#again(slot, ended))
  }

  #again(slot: Slot, { code, signal }: Ended): void {
    if (this.#state !== 'serving') return
    // The process may have ended while one that was to replace it started, and then that one too.
    clearTimeout(slot.pause)
    const { child } = slot
    const hasServed = child?.servedFor ?? 0
    slot.failures = hasServed >= stableMillis ? 1 : slot.failures + 1
    const isServed = [...this.#children].some(({ state }) => state === 'ready')
    if (!isServed && slot.failures >= mostFailures) {
      this.#options.log.fatal(`no process serves after ${slot.failures} starts`, { code, signal })
      this.#state = 'ending'
      for (const one of this.#children) one.kill()
      this.#done.resolve(code || exitCodes.failure)
      return
    }
    const pause = Math.min(firstPause * 2 ** (slot.failures - 1), longestPause)
    const why = { process: slot.number, code, signal, pause }
    this.#options.log.error(`process ${slot.number} ended by itself: it is started again`, why)
    slot.pause = setTimeout(() => this.#state === 'serving' && this.#start(slot), pause)
  }

  /** What each process answers about all of them. */
  #tellAll(): void {
    const ready = this.#slots.filter(({ child }) => child?.state === 'ready').length
    for (const child of this.#children) child.send({ kind: 'processes', ready, wanted: this.#slots.length })
  }
}
