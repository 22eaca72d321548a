// A PostgreSQL server in a temporary folder, to be killed.
//
//   made -> up -> down (killed or stopped) -> up -> … -> removed
//
// Whoever started it may end in any way: the system ends the server with it, and its processes notice. Only SIGKILL leaves
// the folder and 56 bytes of shared memory behind.
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chownSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { Client } from 'pg'
import { atEnd } from '../campaign/at-end.ts'
import { serverFolder } from '../conformance/server-folder.ts'
import { freePort } from './free-port.ts'
import { asServerUser, ownerOfServers, runAsServerUser } from './postgres-programs.ts'
import { childrenOf, isThere, signal } from './processes.ts'

export type PostgresSettings = Record<string, string | number>

/**
 * Small, and without what outlives the processes: shared memory in files of its own folder. Nothing is synced to disk: what
 * a killed process wrote is still there, and only a power failure, which is not tried here, would lose it.
 */
const defaults: PostgresSettings = {
  fsync: 'off',
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  dynamic_shared_memory_type: 'mmap',
  shared_buffers: '16MB',
  max_connections: 100,
  max_wal_senders: 4,
  wal_keep_size: '64MB',
  // A standby looks for its primary again so soon.
  wal_retrieve_retry_interval: '100ms',
  log_min_messages: 'warning',
}

const startMilliseconds = 60_000
const askMilliseconds = 20

export class PostgresServer {
  readonly port: number
  /** Its processes write here what they have to say. */
  readonly log: string
  readonly #folder: string
  readonly #settings: PostgresSettings
  #child: ChildProcess | undefined
  #forget = () => {}

  private constructor(folder: string, port: number, settings: PostgresSettings) {
    this.#folder = folder
    this.port = port
    this.log = path.join(folder, 'log')
    this.#settings = settings
    this.#forget = atEnd(() => this.#removeNow())
  }

  /** With a database for the superuser `root`, who needs no password. */
  static async create(settings: PostgresSettings = {}): Promise<PostgresServer> {
    const server = new PostgresServer(newFolder(), await freePort(), settings)
    runAsServerUser('initdb', [
      ...['-D', server.#data, '-U', 'root', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'],
    ])
    await server.start()
    return server
  }

  /** A standby of a server, on a port of its own, that has begun to follow it. */
  static async standbyOf(primary: PostgresServer, through = primary.port): Promise<PostgresServer> {
    const standby = new PostgresServer(newFolder(), await freePort(), {})
    await standby.follow(primary, through)
    return standby
  }

  get #data(): string {
    return path.join(this.#folder, 'data')
  }

  url(database = 'postgres'): string {
    return `postgres://root@127.0.0.1:${this.port}/${database}`
  }

  get isUp(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null
  }

  /**
   * Throws away what it has and becomes a standby of another one.
   *
   * @param through the port by which it hears of it from then on, such as a proxy's
   */
  async follow(primary: PostgresServer, through = primary.port): Promise<void> {
    await this.kill()
    rmSync(this.#data, { recursive: true, force: true })
    runAsServerUser('pg_basebackup', [
      ...['-d', primary.url(), '-D', this.#data, '--checkpoint=fast', '--no-sync', '--wal-method=stream'],
    ])
    const from = `host=127.0.0.1 port=${through} user=root application_name=${standbyName}`
    this.#write('postgresql.auto.conf', `primary_conninfo = '${from}'\n`)
    this.#write('standby.signal', '')
    await this.start()
  }

  #write(name: string, text: string): void {
    const file = path.join(this.#data, name)
    writeFileSync(file, text)
    const owner = ownerOfServers()
    if (owner) chownSync(file, owner.uid, owner.gid)
  }

  /** Resolves when it can be asked: after recovery, too. */
  async start(): Promise<void> {
    const settings = Object.entries({ ...defaults, ...this.#settings, port: this.port })
    const flags = settings.flatMap(([name, value]) => ['-c', `${name}=${value}`])
    const [command, args] = asServerUser('postgres', ['-D', this.#data, ...flags])
    const log = openSync(this.log, 'a')
    const child = spawn(command, args, { stdio: ['ignore', log, log], cwd: '/', detached: true })
    this.#child = child
    const until = performance.now() + startMilliseconds
    while (!(await this.#answers())) {
      if (!this.isUp) throw new Error(`PostgreSQL does not start: ${this.said()}`)
      if (performance.now() > until) throw new Error(`PostgreSQL does not answer: ${this.said()}`)
      await wait(askMilliseconds)
    }
  }

  async #answers(): Promise<boolean> {
    return this.query('select 1').then(
      () => true,
      () => false,
    )
  }

  /** What it said last. */
  said(): string {
    return readFileSync(this.log, 'utf8').slice(-2000)
  }

  /** SIGKILL for all its processes at once. Resolves when they are gone, so that it can start again. */
  async kill(): Promise<void> {
    if (!this.#child) return
    const ended = this.isUp ? once(this.#child, 'exit') : undefined
    const processes = this.#killNow()
    await ended
    while (processes.some(isThere)) await wait(1)
  }

  /** Told to end at once, it undoes what is under way and ends well. */
  async stop(): Promise<void> {
    if (!this.isUp) return
    const ended = once(this.#child!, 'exit')
    signal(this.#child!.pid!, 'SIGINT')
    await ended
  }

  /** @returns its processes */
  #killNow(): number[] {
    if (!this.isUp) return []
    const postmaster = this.#child!.pid!
    // It stands still while one looks, so that it starts no process that nobody has seen.
    signal(postmaster, 'SIGSTOP')
    const processes = [postmaster, ...childrenOf(postmaster)]
    for (const one of processes) signal(one, 'SIGKILL')
    return processes
  }

  /** Processes of the server whose title says a word, such as `walreceiver`. */
  processes(word: string): number[] {
    if (!this.isUp) return []
    return childrenOf(this.#child!.pid!).filter((pid) => titleOf(pid).includes(word))
  }

  async query<R = Record<string, unknown>>(sql: string, values: unknown[] = [], database = 'postgres'): Promise<R[]> {
    const client = new Client({ connectionString: this.url(database), connectionTimeoutMillis: 5_000 })
    // An end of the connection while nothing is asked; a query that is under way fails by itself.
    client.on('error', () => {})
    await client.connect()
    try {
      return (await client.query(sql, values)).rows as R[]
    } finally {
      await client.end().catch(() => {})
    }
  }

  /** Commits wait for the standby from now on; with `false` for no one. Resolves when that is so. */
  async waitForStandby(name: string | false = standbyName): Promise<void> {
    await this.query(`alter system set synchronous_standby_names = '${name || ''}'`)
    await this.query('select pg_reload_conf()')
    const isSo = name
      ? "select 1 where exists (select from pg_stat_replication where sync_state = 'sync')"
      : "select 1 where current_setting('synchronous_standby_names') = ''"
    while ((await this.query(isSo)).length === 0) await wait(askMilliseconds)
  }

  /** Makes a standby the primary. Resolves when it takes writes. */
  async promote(): Promise<void> {
    await this.query('select pg_promote(true, 60)')
    while ((await this.query('select 1 where not pg_is_in_recovery()')).length === 0) await wait(askMilliseconds)
  }

  /** Ends it, and removes everything that it has made. */
  async remove(): Promise<void> {
    await this.kill()
    this.#removeNow()
  }

  #removeNow(): void {
    this.#killNow()
    // A server that was killed leaves its smallest piece of shared memory; the folder says which.
    const id = /^\s*\d+\s+(\d+)\s*$/.exec(
      readOrNothing(path.join(this.#data, 'postmaster.pid')).split('\n')[6] ?? '',
    )?.[1]
    if (id) spawnSync('ipcrm', ['-m', id])
    rmSync(this.#folder, { recursive: true, force: true, maxRetries: 10 })
    this.#forget()
  }
}

export const standbyName = 'standby'

function newFolder(): string {
  const folder = mkdtempSync(path.join(serverFolder(), 'postgres-'))
  const owner = ownerOfServers()
  if (owner) chownSync(folder, owner.uid, owner.gid)
  return folder
}

function titleOf(pid: number): string {
  return readOrNothing(`/proc/${pid}/cmdline`)
}

function readOrNothing(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return ''
  }
}
