// One process of a supervisor.
//
// starting → ready → leaving (it takes no more connections) → ended; or starting → ended, ready → ended: by itself
import { type ChildProcess, fork } from 'node:child_process'
import type { Socket } from 'node:net'
import type { Logger } from '../observe/index.ts'
import type { SupervisorMessage, WorkerMessage } from './supervisor-messages.ts'
import type { TurnTaker } from './supervisor-turns.ts'

export interface ChildEvents {
  message(child: SupervisorChild, message: WorkerMessage): void
  /** It has ended, and so has its channel. */
  ended(child: SupervisorChild): void
}

export interface ChildOptions {
  /** The program that it runs, and its arguments. */
  program: string
  args: readonly string[]
  environment: NodeJS.ProcessEnv
  number: number
  events: ChildEvents
  log: Logger
  /** Whole lines of its standard output. Undefined: it writes by itself, to a terminal. */
  onLines: ((lines: Buffer) => void) | undefined
}

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
}

/** The longest part of a line that is kept for its end. A log line is cut far below that. */
const longestLine = 1024 * 1024

export class SupervisorChild implements TurnTaker {
  readonly number: number
  state: 'starting' | 'ready' | 'leaving' | 'ended' = 'starting'
  /** Milliseconds that it gives requests under way, as its configuration says. */
  drain = 0
  /** The addresses whose connections it takes. */
  readonly keys = new Set<string>()
  /** Connections that it has, as far as it has told. */
  open = 0
  /** Connections that it was ever given. */
  given = 0
  /** Sent, and not yet taken. When it dies they are somebody else's. */
  readonly offered = new Map<number, { key: string; socket: Socket }>()
  readonly ended: Promise<Ended>
  readonly ready: Promise<void>
  readonly #ready = Promise.withResolvers<void>()
  #readyAt: number | undefined
  #endedAt: number | undefined
  readonly #log: Logger
  readonly #process: ChildProcess

  constructor({ program, args, environment, number, events, onLines, log }: ChildOptions) {
    this.number = number
    this.#log = log
    this.ready = this.#ready.promise
    this.#process = fork(program, args, {
      env: environment,
      stdio: ['ignore', onLines ? 'pipe' : 'inherit', 'inherit', 'ipc'],
    })
    if (onLines) forwardLines(this.#process.stdout!, onLines)
    this.#process.on('message', (message: WorkerMessage) => events.message(this, message))
    // What it is told once it is gone goes nowhere.
    this.#process.on('error', () => {})
    const { promise, resolve } = Promise.withResolvers<Ended>()
    this.ended = promise
    const end = (code: number | null, signal: NodeJS.Signals | null) => {
      if (this.state === 'ended') return
      this.state = 'ended'
      this.#endedAt = performance.now()
      resolve({ code, signal })
      events.ended(this)
    }
    this.#process.once('close', end)
    this.#process.once('error', () => this.#process.pid === undefined && end(1, null))
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  send(message: SupervisorMessage, socket?: Socket): void {
    if (!this.#process.connected) return
    this.#process.send(message, socket, { keepOpen: true }, () => {})
  }

  serves(): void {
    if (this.state !== 'starting') return
    this.state = 'ready'
    this.#readyAt = performance.now()
    this.#ready.resolve()
  }

  /** Milliseconds from when it first served until now, or its end. */
  get servedFor(): number {
    return this.#readyAt === undefined ? 0 : (this.#endedAt ?? performance.now()) - this.#readyAt
  }

  kill(why?: string): void {
    if (why) this.#log.error(`process ${this.number} is killed: ${why}`, { process: this.number, pid: this.pid })
    this.#process.kill('SIGKILL')
  }
}

/** Several processes write to one pipe: a line that came in two parts would be torn by another's. */
function forwardLines(stream: NodeJS.ReadableStream, onLines: (lines: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0)
  stream.on('data', (data: Buffer) => {
    const end = data.lastIndexOf(10) + 1
    if (end > 0) onLines(rest.length > 0 ? Buffer.concat([rest, data.subarray(0, end)]) : data.subarray(0, end))
    const tail = data.subarray(end)
    rest = end > 0 || rest.length === 0 ? Buffer.from(tail) : Buffer.concat([rest, tail])
    if (rest.length > longestLine) {
      onLines(rest)
      rest = Buffer.alloc(0)
    }
  })
  stream.on('end', () => rest.length > 0 && onLines(rest))
}
