import { MonoblocError } from '../errors.ts'
import type { Schema } from '../schema/index.ts'
import {
  type ApplyOptions,
  type MigrationFile,
  type MigrationStep,
  type Migrator,
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
}

export interface SchemaSources {
  storage: Pick<Storage, 'compare' | 'apply' | 'position'>
  migrator: Migrator
  files: readonly MigrationFile[]
  runProgram: ApplyOptions['runProgram']
  schema: Schema
  mode: Mode
}

/**
 * Makes the database match the models, where that may be done without asking:
 *   production            makes a database that holds nothing yet, by its migrations where there are some, and refuses any
 *                         other difference
 *   development and test  applies migrations that nobody had to consent to, then changes that can lose nothing, all or none
 *
 * @throws MonoblocError `schema_newer`, `migration_pending`, `migration_refused`, `schema_differs` with one violation for
 *   each difference
 */
export async function checkSchema(sources: SchemaSources): Promise<SchemaCheck> {
  const { storage, migrator, schema, mode } = sources
  // The position never goes back, so an emptied database is not a fresh one.
  const fresh = (await storage.position()) === (await migrator.migratedTo())
  const migrated = await applyPending(sources, fresh)
  const all = await storage.compare(schema)
  const own = all.filter((change) => change.own && change.safe)
  // They come with this version of Monobloc, and no migration of the app has them.
  if (own.length > 0) await storage.apply(schema, own)
  migrated.push(...own.map(({ description }) => description))
  const changes = all.filter((change) => !own.includes(change))
  if (changes.length === 0) return { fresh, applied: migrated }
  const allSafe = changes.every((change) => change.safe)
  if (mode === 'production' && (!fresh || !allSafe || sources.files.length > 0)) throw await differs(sources, changes)
  if (allSafe) {
    await storage.apply(schema, changes)
    return { fresh, applied: [...migrated, ...changes.map(({ description }) => description)] }
  }
  const { steps, questions } = await migrator.follow(schema)
  if (steps.length === 0 || steps.some(({ safe }) => !safe)) {
    throw await differs(sources, steps.length > 0 ? steps : changes, questions)
  }
  return { fresh, applied: [...migrated, ...steps.map(({ description }) => description)] }
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
