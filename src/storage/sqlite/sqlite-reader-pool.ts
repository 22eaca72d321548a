import { MonoblocError } from '../../errors.ts'
import type { MaybePromise, Session } from '../storage.ts'
import { ReaderProcess } from './sqlite-reader-process.ts'
import { SqliteReaderSession } from './sqlite-reader-session.ts'
import type { StatementCounts } from './sqlite-statement-counts.ts'

export interface ReaderPoolOptions {
  file: string
  cacheKib: number
  /** Processes at most. They start when they are first needed and then stay. */
  processes: number
  /** Reads that may wait for one; one more is refused with `overloaded`. */
  maxWaiting: number
  counts: StatementCounts
}

/** One read: it waits for a process, then has one with a session, then is settled. */
interface RemoteRead {
  work: (session: Session) => MaybePromise<unknown>
  resolve: (value: never) => void
  reject: (error: unknown) => void
  timer: NodeJS.Timeout
  since: number
  running: { process: ReaderProcess; session: SqliteReaderSession } | undefined
}

/** Processes for reads that nothing in this process could stop. One serves one read at a time. */
export class SqliteReaderPool {
  readonly #options: ReaderPoolOptions
  readonly #processes = new Set<ReaderProcess>()
  readonly #idle: ReaderProcess[] = []
  readonly #reads = new Set<RemoteRead>()
  readonly #waiting: RemoteRead[] = []
  readonly #whenDrained: (() => void)[] = []
  #closed = false

  constructor(options: ReaderPoolOptions) {
    this.#options = options
  }

  /** The processes that run. */
  get pids(): number[] {
    return [...this.#processes].map((process) => process.pid)
  }

  /** Runs `work` over one snapshot in a process, which is killed when the deadline passes first. */
  read<T>(deadlineAt: number, work: (session: Session) => MaybePromise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#closed) throw new MonoblocError('shutting_down')
      const process = this.#idle.pop() ?? this.#start()
      if (!process && this.#waiting.length >= this.#options.maxWaiting) throw overloaded(this.#waiting.length)
      const late = () => this.#stop(read, new MonoblocError('deadline_exceeded'))
      const timer = setTimeout(late, Math.max(0, deadlineAt - performance.now()))
      const read: RemoteRead = { work, resolve, reject, timer, since: performance.now(), running: undefined }
      this.#reads.add(read)
      if (process) this.#run(read, process)
      else this.#waiting.push(read)
    })
  }

  /** When the oldest read that has a process began there; Infinity without one. */
  get oldest(): number {
    return Math.min(...[...this.#reads].map((read) => (read.running ? read.since : Infinity)))
  }

  /** Gives up reads that have had a process for longer than so many milliseconds. */
  endOlderThan(millis: number): void {
    const before = performance.now() - millis
    for (const read of [...this.#reads]) {
      if (read.running && read.since < before) this.#stop(read, new MonoblocError('deadline_exceeded'))
    }
  }

  /** Resolves when no read is under way any more. */
  async drain(): Promise<void> {
    if (this.#reads.size > 0) await new Promise<void>((resolve) => this.#whenDrained.push(resolve))
  }

  /** Kills every process. Reads under way are rejected with `shutting_down`. */
  close(): void {
    this.#closed = true
    const why = new MonoblocError('shutting_down')
    for (const read of [...this.#reads]) this.#stop(read, why)
    for (const process of this.#processes) process.kill(why)
    this.#processes.clear()
    this.#idle.length = 0
  }

  #run(read: RemoteRead, process: ReaderProcess): void {
    const session = new SqliteReaderSession(process, this.#options.counts)
    read.since = performance.now()
    read.running = { process, session }
    process.begin()
    // What settles after the read was stopped finds it settled.
    Promise.try(() => read.work(session)).then(
      (value) => this.#settle(read) && read.resolve(value as never),
      (error) => this.#settle(read) && read.reject(error),
    )
  }

  #settle(read: RemoteRead): boolean {
    if (!this.#forget(read)) return false
    const { process, session } = read.running!
    session.end(new MonoblocError('transaction_ended'))
    if (this.#processes.has(process)) {
      process.end()
      this.#next(process)
    }
    return true
  }

  #stop(read: RemoteRead, why: MonoblocError): void {
    this.#forget(read)
    read.reject(why)
    if (read.running) {
      read.running.session.end(why)
      read.running.process.kill(why)
      this.#drop(read.running.process)
    } else {
      this.#waiting.splice(this.#waiting.indexOf(read), 1)
    }
  }

  #forget(read: RemoteRead): boolean {
    clearTimeout(read.timer)
    const wasOpen = this.#reads.delete(read)
    if (this.#reads.size === 0) for (const resolve of this.#whenDrained.splice(0)) resolve()
    return wasOpen
  }

  #start(): ReaderProcess | undefined {
    const { file, cacheKib, processes } = this.#options
    if (this.#processes.size >= processes) return undefined
    const process = new ReaderProcess(file, cacheKib, (gone) => this.#drop(gone))
    this.#processes.add(process)
    return process
  }

  /** There is room for another process: whoever waits gets it. */
  #drop(process: ReaderProcess): void {
    this.#processes.delete(process)
    const at = this.#idle.indexOf(process)
    if (at >= 0) this.#idle.splice(at, 1)
    if (this.#closed || this.#waiting.length === 0) return
    const started = this.#start()
    if (started) this.#next(started)
  }

  #next(process: ReaderProcess): void {
    const read = this.#waiting.shift()
    if (read) this.#run(read, process)
    else this.#idle.push(process)
  }
}

function overloaded(waiting: number): MonoblocError {
  const detail = `${waiting} reads wait for a reader process already.`
  return new MonoblocError('overloaded', { detail, headers: { 'Retry-After': '1' } })
}
