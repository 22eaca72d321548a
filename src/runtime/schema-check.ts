import { MonoblocError } from '../errors.ts'
import type { Schema } from '../schema/index.ts'
import {
  type ApplyOptions,
  type MigrationFile,
  type MigrationStep,
  type Migrator,
  newerFiles,
  pendingFiles,
  type SchemaChange,
  type Storage,
} from '../storage/index.ts'
import type { Mode } from './config-environment.ts'

export interface SchemaCheck {
  /** Nothing but migrations has ever committed here: a seed may run. */
  fresh: boolean
  /** What was changed, in words. */
  applied: string[]
  /** Migrations of a later version of the app, which takes nothing from this one. */
  newer: string[]
}

export interface SchemaSources {
  storage: Pick<Storage, 'compare' | 'apply' | 'position'>
  migrator: Migrator
  files: readonly MigrationFile[]
  runProgram: ApplyOptions['runProgram']
  schema: Schema
  mode: Mode
  /** Fills a database that is fresh, while other processes that start on it wait. */
  fill?: () => Promise<void>
}

/**
 * Makes the database match the models, where that may be done without asking:
 *   production            makes a database that holds nothing yet, by its migrations where there are some, and refuses any
 *                         other difference
 *   development and test  applies migrations that nobody had to consent to, then changes that can lose nothing, all or none
 *
 * Of several processes that start at once one does it, and the others wait. A process whose app is older than the database
 * goes on where the later version has only added what this one need not know of.
 *
 * @throws MonoblocError `schema_newer`, `migration_pending`, `migration_refused`, `schema_differs` with one violation for
 *   each difference
 */
export async function checkSchema(sources: SchemaSources): Promise<SchemaCheck> {
  return (await readyAlready(sources)) ?? sources.migrator.exclusively(() => makeReady(sources))
}

/** Nothing is to be changed, so that nobody has to wait: how nearly every start finds it. */
async function readyAlready({ storage, migrator, files, schema }: SchemaSources): Promise<SchemaCheck | undefined> {
  const history = await migrator.history()
  const newer = newerFiles(files, history)
  if (newer.length === 0 && pendingFiles(files, history).length > 0) return undefined
  if ((await storage.position()) === (await migrator.migratedTo())) return undefined
  const changes = await storage.compare(schema)
  const isReady = changes.every(({ beyond }) => newer.length > 0 && beyond)
  return isReady ? { fresh: false, applied: [], newer } : undefined
}

async function makeReady(sources: SchemaSources): Promise<SchemaCheck> {
  const { storage, migrator, files, schema, mode, fill } = sources
  // The position never goes back, so an emptied database is not a fresh one.
  const fresh = (await storage.position()) === (await migrator.migratedTo())
  const newer = newerFiles(files, await migrator.history())
  const migrated = newer.length > 0 ? [] : await applyPending(sources, fresh)
  const all = await storage.compare(schema)
  const own = all.filter((change) => change.own && change.safe)
  // They come with this version of Monobloc, and no migration of the app has them.
  if (own.length > 0) await storage.apply(schema, own)
  migrated.push(...own.map(({ description }) => description))
  const changes = all.filter((change) => !own.includes(change))
  if (newer.length > 0) refuseNewer(newer, changes)
  else if (changes.length > 0) migrated.push(...(await change(sources, changes, fresh)))
  if (fresh) await fill?.()
  return { fresh, applied: migrated, newer }

  function refuseNewer(names: readonly string[], found: readonly SchemaChange[]): void {
    const breaking = found.filter(({ beyond }) => !beyond).map(({ description }) => description)
    if (breaking.length === 0) return
    const words = `Applied and not among its files: ${names.join(', ')}. This version would have to: ${breaking.join('; ')}.`
    throw new MonoblocError('schema_newer', { detail: words })
  }

  async function change(from: SchemaSources, found: readonly SchemaChange[], isFresh: boolean): Promise<string[]> {
    const allSafe = found.every(({ safe }) => safe)
    if (mode === 'production' && (!isFresh || !allSafe || files.length > 0)) throw await differs(from, found)
    if (allSafe) {
      await storage.apply(schema, found)
      return found.map(({ description }) => description)
    }
    const { steps, questions } = await migrator.follow(schema)
    if (steps.length === 0 || steps.some(({ safe }) => !safe)) {
      throw await differs(from, steps.length > 0 ? steps : found, questions)
    }
    return steps.map(({ description }) => description)
  }
}

async function applyPending({ migrator, files, runProgram, schema, mode }: SchemaSources, fresh: boolean) {
  const pending = pendingFiles(files, await migrator.history())
  if (pending.length === 0) return []
  const asked = pending.filter(({ consents }) => consents.length > 0)
  if (!fresh && (mode === 'production' || asked.length > 0)) {
    const detail = (mode === 'production' ? pending : asked).map(({ name }) => name).join(', ')
    throw new MonoblocError('migration_pending', { detail: `${detail}.` })
  }
  const { applied, mended } = await migrator.apply({ files, schema, runProgram })
  return [...applied.map((name) => `migration ${name}`), ...mended]
}

async function differs(
  { migrator, files, schema, mode }: SchemaSources,
  changes: readonly Pick<SchemaChange | MigrationStep, 'description' | 'safe'>[],
  questions: readonly string[] = [],
): Promise<MonoblocError> {
  const words = (safe: boolean, description: string) =>
    safe ? description : `${description} (could lose or refuse data)`
  const listed = changes.map(({ description, safe }) => words(safe, description))
  const { drift, unplanned } =
    files.length > 0 ? await migrator.status(files, schema) : { drift: [], unplanned: [] as string[] }
  const then = [
    mode === 'production'
      ? 'Production changes no tables that are in use.'
      : 'Not all of this can be done without risk, so nothing was changed.',
    drift.length > 0 && `Somebody changed it beside its migrations: ${drift.join('; ')}.`,
    unplanned.length > 0 && `No migration has: ${unplanned.join('; ')}.`,
  ]
  return new MonoblocError('schema_differs', {
    detail: `To match the models it would have to: ${listed.join('; ')}. ${then.filter(Boolean).join(' ')}`,
    violations: [
      ...changes.map(({ safe }, at) => ({
        path: ['database'],
        code: safe ? 'safe_change' : 'unsafe_change',
        message: listed[at]!,
      })),
      ...questions.map((message) => ({ path: ['models'], code: 'maybe_renamed', message })),
    ],
  })
}
