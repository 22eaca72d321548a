// Databases of tests: copies of prepared ones, on a server where others may be. Their names say which process made them
// and when, so that what a killed process has left is told from what a running one needs.
import { createHash } from 'node:crypto'
import { hostname } from 'node:os'
import { Connector } from './postgres-connect.ts'
import { parsePostgresUrl } from './postgres-url.ts'

const prefix = 'monobloc_test'
const machine = createHash('sha256').update(hostname()).digest('hex').slice(0, 6)

/** The beginning of the names of all that one process makes. */
export function copyPrefix(pid: number, started: number): string {
  return `${prefix}_${machine}_${pid}_${started.toString(36)}`
}

// Longer than any run of tests: by then it is over, on whatever machine it was.
const longestRun = 3 * 60 * 60 * 1000

/** Whether a database was made for tests by a process that has ended. */
export function isLeftCopy(name: string, now = Date.now()): boolean {
  const [, on, pid, started] = /^monobloc_test_([\da-f]+)_(\d+)_([\da-z]+)_/.exec(`${name}_`) ?? []
  if (!started) return false
  return now - Number.parseInt(started, 36) > longestRun || (on === machine && !isAlive(Number(pid)))
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH'
  }
}

// Nothing is interrupted here, so nothing is waited for.
const graceMillis = 0

/** What is used of the driver's client; its own types leave two methods out. */
interface Admin {
  query(sql: string): Promise<{ rows: Record<string, unknown>[] }>
  ref(): void
  unref(): void
}

/**
 * Makes and drops databases on one server, one at a time, over a connection that does not keep the process alive. The
 * first use drops what killed processes have left.
 *
 * @param url of a database there, as a user who may create others
 */
export class PostgresCopies {
  readonly #url: string
  readonly #prefix = copyPrefix(process.pid, Date.now())
  #connected: Promise<Admin> | undefined
  #last: Promise<unknown> = Promise.resolve()
  #count = 0

  constructor(url: string) {
    this.#url = url
  }

  /** A new database: empty, or a copy of one to which nobody is connected. @returns its name */
  async create(source = 'template0'): Promise<string> {
    const name = `${this.#prefix}_${this.#count++}`
    const encoding = source === 'template0' ? ` encoding 'UTF8'` : ''
    // Through the log: the other way copies files, for which every copy and every drop waits for a checkpoint.
    await this.#ask(`create database ${name} template ${source} strategy wal_log${encoding}`)
    return name
  }

  /** Cuts off whoever is connected. */
  async drop(name: string): Promise<void> {
    await this.#ask(`drop database if exists ${name} with (force)`)
  }

  /** Of the same server, in the same words but for the database. */
  urlOf(name: string): string {
    return this.#url.replace(/^(\w+:\/\/[^/?]*)(?:\/[^?]*)?/, `$1/${name}`)
  }

  #ask(sql: string): Promise<{ rows: Record<string, unknown>[] }> {
    const asked = this.#last.then(async () => {
      this.#connected ??= this.#connect()
      const client = await this.#connected
      client.ref()
      try {
        return await client.query(sql)
      } finally {
        client.unref()
      }
    })
    this.#last = asked.catch(() => {})
    return asked
  }

  async #connect(): Promise<Admin> {
    try {
      const connector = new Connector(parsePostgresUrl(this.#url), { sessionSettings: {}, graceMillis })
      const connection = await connector.connect()
      connection.onLost = () => {
        this.#connected = undefined
      }
      const client = connection.client as unknown as Admin
      const { rows } = await client.query('select datname as name from pg_database')
      for (const name of rows.map((row) => String(row.name)).filter((name) => isLeftCopy(name))) {
        // Somebody else may drop it at the same time.
        await client.query(`drop database if exists ${name} with (force)`).catch(() => {})
      }
      return client
    } catch (error) {
      this.#connected = undefined
      throw error
    }
  }
}
