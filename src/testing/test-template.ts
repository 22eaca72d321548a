// The prepared database: made once in a process for each backend, seed and server, by starting it on an empty one, and
// copied for each test. A copy of a file takes a millisecond, one on PostgreSQL about ten; the tables and the seed may take
// hundreds. A file is kept in memory: on disk it would stay behind wherever a runner kills the process.
import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type BackendOptions, createAppRun } from '../runtime/index.ts'
import { PostgresCopies } from '../storage/index.ts'
import { makeFolder, removeFolder } from './test-folder.ts'

/** The database of one test. */
export interface TestDatabase {
  /** As DATABASE_URL says it. */
  url: string
  remove(): Promise<void>
}

export interface TestDatabaseOptions {
  /** The backend as it stands: what is prepared for it is kept as long as it is. */
  app: BackendOptions
  /** What is started to prepare a database: the same, with the seed of the tests. */
  options: BackendOptions
  /** Of the test. */
  folder: string
  /** The URL of a PostgreSQL database; others are made beside it. Without it: a SQLite file in the folder. */
  server: string | undefined
}

/** Makes a copy of the prepared database. */
type Template = (folder: string) => Promise<TestDatabase>

const templates = new WeakMap<BackendOptions, Map<string, Map<unknown, Promise<Template>>>>()

/** A database with tables and seed. */
export async function newTestDatabase({ app, options, folder, server }: TestDatabaseOptions): Promise<TestDatabase> {
  const ofApp = kept(templates, app, () => new Map())
  const ofServer = kept(ofApp, server ?? '', () => new Map())
  const template = kept(ofServer, options.seed, () => (server ? prepareOn(server, options) : prepareFile(options)))
  return (await template)(folder)
}

function kept<Key, Value>(
  map: { get(key: Key): Value | undefined; set(key: Key, value: Value): unknown },
  key: Key,
  make: () => Value,
): Value {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}

async function prepareFile(options: BackendOptions): Promise<Template> {
  const folder = makeFolder()
  try {
    await startOnce(options, folder, fileIn(folder))
    const bytes = readFileSync(fileIn(folder))
    return async (folder) => {
      writeFileSync(fileIn(folder), bytes)
      // It goes with its folder.
      return { url: fileIn(folder), async remove() {} }
    }
  } finally {
    removeFolder(folder)
  }
}

const fileIn = (folder: string) => path.join(folder, 'app.db')

const servers = new Map<string, PostgresCopies>()

async function prepareOn(server: string, options: BackendOptions): Promise<Template> {
  const copies = kept(servers, server, () => new PostgresCopies(server))
  const template = await copies.create()
  const folder = makeFolder()
  try {
    await startOnce(options, folder, copies.urlOf(template))
  } catch (error) {
    await copies.drop(template)
    throw error
  } finally {
    removeFolder(folder)
  }
  return async () => {
    const name = await copies.create(template)
    return { url: copies.urlOf(name), remove: () => copies.drop(name) }
  }
}

/** Makes tables and seed. */
async function startOnce(options: BackendOptions, folder: string, url: string): Promise<void> {
  const run = await createAppRun(options, { folder, environment: testEnvironment(folder, url), logTo: { write() {} } })
  await run.start()
  await run.stop()
}

/** Nothing of the machine's environment or of .env files gets into a test. */
export function testEnvironment(folder: string, database = fileIn(folder)): NodeJS.ProcessEnv {
  return {
    NODE_ENV: 'test',
    HOST: '127.0.0.1',
    PORT: '0',
    MONOBLOC_DATA: folder,
    DATABASE_URL: database,
    // What is under way when a test ends is nobody's any more.
    MONOBLOC_DRAIN: '1000',
    MONOBLOC_LOG: 'debug',
    MONOBLOC_LOG_FORMAT: 'json',
    MONOBLOC_SECRET: 'a secret of tests alone, which signs nothing else',
  }
}
