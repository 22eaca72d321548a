// The prepared database: made once in a process for each backend and seed, by starting it on an empty file, and copied for
// each test. A copy takes a millisecond; the tables and the seed may take hundreds. It is kept in memory: a file would stay
// behind wherever a runner kills the process.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { type BackendOptions, createAppRun } from '../runtime/index.ts'
import { makeFolder, removeFolder } from './test-folder.ts'

/** The bytes of a database; undefined for an app without models, which has none. */
export type Template = Uint8Array | undefined

const templates = new WeakMap<BackendOptions, Map<unknown, Promise<Template>>>()

/** A database with tables and seed. */
export function templateOf(app: BackendOptions, options: BackendOptions): Promise<Template> {
  const known = templates.get(app) ?? new Map<unknown, Promise<Template>>()
  templates.set(app, known)
  const made = known.get(options.seed) ?? prepare(options)
  known.set(options.seed, made)
  return made
}

async function prepare(options: BackendOptions): Promise<Template> {
  const folder = makeFolder()
  try {
    const run = await createAppRun(options, { folder, environment: testEnvironment(folder), logTo: { write() {} } })
    await run.start()
    await run.stop()
    return existsSync(databaseIn(folder)) ? readFileSync(databaseIn(folder)) : undefined
  } finally {
    removeFolder(folder)
  }
}

export function forkDatabase(template: Template, folder: string): void {
  if (template) writeFileSync(databaseIn(folder), template)
}

const databaseIn = (folder: string) => path.join(folder, 'app.db')

/** Nothing of the machine's environment or of .env files gets into a test. */
export function testEnvironment(folder: string): NodeJS.ProcessEnv {
  return {
    NODE_ENV: 'test',
    HOST: '127.0.0.1',
    PORT: '0',
    MONOBLOC_DATA: folder,
    DATABASE_URL: databaseIn(folder),
    // What is under way when a test ends is nobody's any more.
    MONOBLOC_DRAIN: '1000',
    MONOBLOC_LOG: 'debug',
    MONOBLOC_LOG_FORMAT: 'json',
    MONOBLOC_SECRET: 'a secret of tests alone, which signs nothing else',
  }
}
