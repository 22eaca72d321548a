import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Client } from 'pg'
import { atEnd } from '../campaign/at-end.ts'
import { freePort } from './free-port.ts'
import { asServerUser, ownerOfServers } from './postgres-programs.ts'

/** So few that clients take turns on them: what one leaves behind in a session, another one meets. */
const serverConnections = 6

const startMilliseconds = 30_000

/** PgBouncer in transaction mode, before a server. */
export class Bouncer {
  readonly port: number
  readonly #folder: string
  readonly #child: ChildProcess
  readonly #forget: () => void

  private constructor(folder: string, port: number, child: ChildProcess) {
    this.#folder = folder
    this.port = port
    this.#child = child
    this.#forget = atEnd(() => this.#removeNow())
  }

  /** @param target the port of the server on this machine */
  static async start(target: number): Promise<Bouncer> {
    const folder = mkdtempSync(path.join(tmpdir(), 'bouncer-'))
    const owner = ownerOfServers()
    if (owner) chownSync(folder, owner.uid, owner.gid)
    const port = await freePort()
    const file = path.join(folder, 'pgbouncer.ini')
    writeFileSync(path.join(folder, 'users'), '"root" ""\n')
    writeFileSync(file, configuration(target, port, path.join(folder, 'users')))
    const log = openSync(path.join(folder, 'log'), 'a')
    const [command, args] = asServerUser('pgbouncer', ['-q', file])
    const child = spawn(command, args, { stdio: ['ignore', log, log], cwd: '/', detached: true })
    const bouncer = new Bouncer(folder, port, child)
    await bouncer.#answers()
    return bouncer
  }

  url(database: string): string {
    return `postgres://root@127.0.0.1:${this.port}/${database}`
  }

  async #answers(): Promise<void> {
    const until = performance.now() + startMilliseconds
    for (;;) {
      const client = new Client({ connectionString: this.url('postgres'), connectionTimeoutMillis: 5_000 })
      client.on('error', () => {})
      try {
        await client.connect()
        await client.query('select 1')
        return
      } catch (error) {
        if (performance.now() > until || this.#child.exitCode !== null)
          throw new Error(`PgBouncer does not start: ${readFileSync(path.join(this.#folder, 'log'), 'utf8')}`, {
            cause: error,
          })
        await wait(20)
      } finally {
        await client.end().catch(() => {})
      }
    }
  }

  async remove(): Promise<void> {
    const ended = this.#child.exitCode === null && this.#child.signalCode === null ? once(this.#child, 'exit') : null
    this.#child.kill('SIGKILL')
    await ended
    this.#removeNow()
  }

  #removeNow(): void {
    this.#child.kill('SIGKILL')
    rmSync(this.#folder, { recursive: true, force: true })
    this.#forget()
  }
}

function configuration(target: number, port: number, users: string): string {
  return `[databases]
* = host=127.0.0.1 port=${target} user=root
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${port}
unix_socket_dir =
auth_type = trust
auth_file = ${users}
pool_mode = transaction
default_pool_size = ${serverConnections}
max_client_conn = 200
server_login_retry = 0.2
ignore_startup_parameters = extra_float_digits
`
}
