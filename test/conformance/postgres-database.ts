// A database for each test, as a copy of a prepared one: PostgreSQL copies it in about ten milliseconds, and the next copy is
// made while the test before it runs.
//
// Databases are named after the run that made them. A run drops its own when it ends, and before it begins those of runs
// that were killed.
import pg from 'pg'
import { copyPrefix, isLeftCopy } from '../../src/storage/postgres/postgres-copies.ts'
import { findServer } from './postgres-server.ts'

export interface TestDatabase {
  url: string
  /** Whoever is connected is cut off. Nobody has to wait for it: what is left is dropped when the run ends. */
  drop(): Promise<void>
}

export interface DatabaseTemplate {
  /** Databases of one key are alike. Only this process knows it. */
  key: unknown
  /** Fills an empty database, and leaves no connection open. */
  prepare(url: string): Promise<void>
}

/** What a run hands on to the processes that it starts, in this variable. */
const variable = 'MONOBLOC_TEST_POSTGRES_RUN'

interface Run {
  url: string
  prefix: string
}

/** Why there is no server, where the run has found none. */
export function missingServer(): string | undefined {
  const value = process.env[variable]
  return value?.startsWith('{') ? undefined : value
}

/** The server of this run, when it has one. */
export const runServer = (): string => currentRun().url

/**
 * Finds or starts the server of this run, and drops what killed runs have left. The processes started from now on share
 * it. @returns what ends the run
 */
export async function beginRun(): Promise<() => Promise<void>> {
  // Each project of the configuration calls it.
  if (process.env[variable]) return async () => {}
  try {
    const { url, stop } = await findServer()
    const run: Run = { url, prefix: copyPrefix(process.pid, Date.now()) }
    process.env[variable] = JSON.stringify(run)
    await dropWhere((name) => isLeftCopy(name))
    return async () => {
      await dropWhere((name) => name.startsWith(run.prefix))
      await (await admin()).end()
      await stop()
      delete process.env[variable]
    }
  } catch (error) {
    process.env[variable] = (error as Error).message
    return async () => {}
  }
}

let begun: Promise<unknown> | undefined

/** The run that this process is part of; a process that is part of none is one of its own. */
async function ownRun(): Promise<Run> {
  if (!process.env[variable]) begun ??= beginRun().then((end) => process.once('beforeExit', end))
  await begun
  const missing = missingServer()
  if (missing) throw new Error(missing)
  return currentRun()
}

const currentRun = (): Run => JSON.parse(process.env[variable]!)

/** An empty database, or a copy of a prepared one. */
export async function newDatabase(template?: DatabaseTemplate): Promise<TestDatabase> {
  if (!template) return databaseAt(await take('template0'))
  const known = templates.get(template.key)
  if (known) {
    known.name ??= prepared(template)
    return databaseAt(await take(await known.name))
  }
  // What is asked for once needs no copy.
  templates.set(template.key, {})
  return databaseAt(await prepared(template))
}

const templates = new Map<unknown, { name?: Promise<string> }>()

async function prepared({ prepare }: DatabaseTemplate): Promise<string> {
  const name = await take('template0')
  await prepare((await databaseAt(name)).url)
  return name
}

async function databaseAt(name: string): Promise<TestDatabase> {
  const url = new URL((await ownRun()).url)
  url.pathname = `/${name}`
  return { url: url.href, drop: () => drop(name) }
}

const ahead = new Map<string, Promise<string>>()

async function take(source: string): Promise<string> {
  const made = ahead.get(source) ?? copy(source)
  ahead.delete(source)
  const name = await made
  if (!ahead.has(source)) {
    const next = copy(source)
    // Whoever takes it is told.
    next.catch(() => {})
    ahead.set(source, next)
  }
  return name
}

let count = 0

async function copy(source: string): Promise<string> {
  const name = `${(await ownRun()).prefix}_${process.pid}_${count++}`
  // Through the log: the other way copies files, for which every drop and copy waits for a checkpoint of the server.
  const form = source === 'template0' ? `encoding 'UTF8'` : ''
  await ask(`create database ${name} template ${source} strategy wal_log ${form}`)
  return name
}

/** As it is: the types of `pg` leave two methods out. */
type Client = pg.Client & { ref(): void; unref(): void }

let connected: Promise<Client> | undefined

/** One connection of this process, which does not keep it alive. */
function admin(): Promise<Client> {
  connected ??= (async () => {
    const client = new pg.Client({ connectionString: currentRun().url, application_name: 'monobloc tests' }) as Client
    client.on('error', () => {
      connected = undefined
    })
    await client.connect()
    client.unref()
    return client
  })()
  return connected
}

let last: Promise<unknown> = Promise.resolve()

/** One after another: a connection takes one statement at a time. */
function ask(sql: string): Promise<pg.QueryResult> {
  const asked = last.then(async () => {
    const client = await admin()
    client.ref()
    try {
      return await client.query(sql)
    } finally {
      client.unref()
    }
  })
  last = asked.catch(() => {})
  return asked
}

/** Drops what this process has made, which would else wait for the end of the run. */
export async function dropOwn(): Promise<void> {
  if (count === 0) return
  await Promise.all([...ahead.values()].map((one) => one.catch(() => {})))
  ahead.clear()
  templates.clear()
  await dropWhere((name) => name.startsWith(`${currentRun().prefix}_${process.pid}_`))
}

async function dropWhere(meant: (name: string) => boolean): Promise<void> {
  const { rows } = await ask('select datname as name from pg_database')
  for (const { name } of rows) if (meant(name)) await drop(name)
}

/** What can't be dropped now is left to a later run. */
const drop = (name: string) =>
  ask(`drop database if exists ${name} with (force)`).then(
    () => {},
    () => {},
  )
