import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { Connection } from './connection.ts'

export interface ServerOptions {
  /** The database. */
  file: string
  /** Ways to open it that exist for these tests only. */
  testing?: Testing
  /** A command and its arguments that runs the server: `['strace', …]`. */
  under?: string[]
}

export interface Testing {
  acknowledgeEarly?: boolean
  synchronous?: 'off' | 'normal' | 'full'
}

export interface Ended {
  code: number | null
  signal: NodeJS.Signals | null
}

// A start takes under a second on an idle machine; what takes a minute hangs.
const startMilliseconds = 60_000

/** A process that serves the app on a database file. */
export class Server {
  readonly ended: Promise<Ended>
  readonly #child: ChildProcess
  #output = ''
  #pid: number | undefined

  private constructor(child: ChildProcess) {
    this.#child = child
    this.ended = once(child, 'close').then(([code, signal]) => ({ code, signal }))
    for (const stream of [child.stdout!, child.stderr!])
      stream.setEncoding('utf8').on('data', (text) => (this.#output += text))
  }

  /** Begins to start; `listening` says when it has. */
  static spawn({ file, testing = {}, under = [] }: ServerOptions): Server {
    const main = path.join(import.meta.dirname, 'server-process.ts')
    const command = [...under, process.execPath, '--conditions=source', main, file, JSON.stringify(testing)]
    const settings = {
      NODE_ENV: 'production',
      MONOBLOC_SECRET: 'not a secret '.repeat(4),
      MONOBLOC_LOG: 'warn',
      HOST: '127.0.0.1',
    }
    const env = { ...process.env, ...settings }
    return new Server(spawn(command[0]!, command.slice(1), { env, stdio: ['ignore', 'pipe', 'pipe'] }))
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
    }, startMilliseconds)
    return promise.finally(() => {
      clearTimeout(timer)
      this.#child.stdout!.off('data', look)
    })
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

  /** SIGKILL, at once. */
  kill(): void {
    if (this.#pid !== undefined && !this.hasEnded) {
      try {
        process.kill(this.#pid, 'SIGKILL')
      } catch {
        // It has ended by itself.
      }
    } else {
      this.#child.kill('SIGKILL')
    }
  }

  async stop(): Promise<Ended> {
    if (this.#pid !== undefined && !this.hasEnded) process.kill(this.#pid, 'SIGTERM')
    return this.ended
  }
}
