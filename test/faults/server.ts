import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { atEnd } from '../campaign/at-end.ts'
import { Connection } from './connection.ts'
import { signal } from './processes.ts'
import { longestTrace, traced } from './trace.ts'

export interface ServerOptions {
  /** A file, or the URL of a PostgreSQL database. */
  database: string
  /** The same one without the pooler in between. */
  direct?: string | undefined
  /** Ways to open it that exist for these tests only. */
  testing?: object
  /** The program that serves. Default: `server-process.ts`. */
  main?: string
  /** A command that runs the program, and becomes its process. */
  under?: readonly string[]
  /** Where strace writes what the server does, and the calls that it makes fail. */
  trace?: { file: string; inject?: string[] }
  /** How many times as long as others it may take to start, and live, before it is taken to hang. Default: 1. */
  patience?: number
}

export interface Testing {
  acknowledgeEarly?: boolean
  /** SQLite only. */
  synchronous?: 'off' | 'normal' | 'full'
  /** SQLite only. */
  smallWal?: boolean
  /** Milliseconds until others take over the jobs of a process that died. */
  lease?: number
}

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
}

// A start takes under a second on an idle machine, and no load here lasts longer than some: what takes so long hangs.
const startMilliseconds = 60_000
const longestMilliseconds = 180_000

const watchMilliseconds = 250

/** A process of many modules starts in half the time with it. */
export const compileCache = path.join(tmpdir(), 'monobloc-faults-compiled')

/** A process that serves the app on a database. */
export class Server {
  readonly ended: Promise<Ended>
  readonly #child: ChildProcess
  readonly #patience: number
  #output = ''
  #pid: number | undefined

  private constructor(child: ChildProcess, patience: number) {
    this.#child = child
    this.#patience = patience
    this.ended = once(child, 'close').then(([code, signal]) => ({ code, signal }))
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding('utf8').on('data', (text) => (this.#output += text))
  }

  /** Begins to start; `listening` says when it has. */
  static spawn({
    database,
    direct,
    testing = {},
    trace,
    main = 'server-process.ts',
    under: given = [],
    patience = 1,
  }: ServerOptions): Server {
    const under = trace ? traced(trace.file, trace.inject) : given
    const program = path.resolve(import.meta.dirname, main)
    const command = [...under, process.execPath, '--conditions=source', program, database, JSON.stringify(testing)]
    const settings = {
      NODE_ENV: 'production',
      MONOBLOC_SECRET: 'not a secret '.repeat(4),
      MONOBLOC_LOG: 'warn',
      HOST: '127.0.0.1',
      // Recordings are of what the server itself does.
      ...(trace ? { NODE_DISABLE_COMPILE_CACHE: '1' } : { NODE_COMPILE_CACHE: compileCache }),
      ...(direct !== undefined && { DATABASE_DIRECT_URL: direct }),
    }
    const env = { ...process.env, ...settings }
    const server = new Server(
      spawn(command[0]!, command.slice(1), { env, stdio: ['pipe', 'pipe', 'pipe'], detached: true }),
      patience,
    )
    server.#watch(trace?.file)
    const forget = atEnd(() => server.#killGroup())
    void server.ended.then(forget)
    return server
  }

  #watch(trace: string | undefined): void {
    const until = performance.now() + longestMilliseconds * this.#patience
    const timer = setInterval(() => {
      const isLong = trace !== undefined && (statSync(trace, { throwIfNoEntry: false })?.size ?? 0) >= longestTrace
      if (!isLong && performance.now() < until) return
      this.#output += `\n(killed: ${isLong ? 'its trace is too long' : 'it hangs'})\n`
      this.#killGroup()
    }, watchMilliseconds)
    void this.ended.then(() => clearInterval(timer))
  }

  /** Everything that it printed. */
  get output(): string {
    return this.#output
  }

  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  /** The port, once it listens. Null when it ended before. */
  async listening(): Promise<number | null> {
    const { promise, resolve } = Promise.withResolvers<number | null>()
    const look = () => {
      const found = /^listening (\d+) (\d+)$/m.exec(this.#output)
      if (!found) return
      this.#pid = Number(found[2])
      resolve(Number(found[1]))
    }
    this.#child.stdout!.on('data', look)
    look()
    void this.ended.then(() => resolve(null))
    const timer = setTimeout(() => {
      this.kill()
      resolve(null)
    }, startMilliseconds * this.#patience)
    return promise.finally(() => {
      clearTimeout(timer)
      this.#child.stdout!.off('data', look)
    })
  }

  /** The process that serves, once it listens. */
  get pid(): number | undefined {
    return this.#pid
  }

  /** Whether it still answers. */
  async isUp(): Promise<boolean> {
    const found = /^listening (\d+)/m.exec(this.#output)
    if (!found) return false
    const connection = new Connection(Number(found[1]))
    const answer = await connection.ask('GET', '/count')
    connection.close()
    return answer !== null
  }

  /** SIGKILL for the server alone, at once; before its process is known, for it and what runs it. */
  kill(): void {
    if (this.hasEnded) return
    if (this.#pid === undefined) this.#killGroup()
    else signal(this.#pid, 'SIGKILL')
  }

  /** The same, and then whatever runs it, which may keep its output open. */
  killAll(): void {
    this.kill()
    this.#killGroup()
  }

  async stop(): Promise<Ended> {
    if (this.#pid !== undefined && !this.hasEnded) signal(this.#pid, 'SIGTERM')
    return this.ended
  }

  // strace, when it is killed, leaves what it watched running.
  #killGroup(): void {
    signal(-this.#child.pid!, 'SIGKILL')
  }
}
