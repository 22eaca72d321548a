import type { AppliedMigration } from '../migrations/migration.ts'
import type { MigrationFile } from '../migrations/migration-file.ts'
import type { Ask } from './postgres-catalog.ts'

/**
 * `monobloc_migration`: the files that were applied. `monobloc_migration_step`: of one that is not yet whole, the statements
 * that were done, each by its place in the file; `rows` says how far a fill has come, in blocks of the table.
 */
const tables = `
create table if not exists monobloc_migration (
  number bigint primary key,
  name text not null,
  checksum text not null,
  at bigint not null,
  millis bigint not null
);
create table if not exists monobloc_migration_step (
  name text not null,
  place integer not null,
  digest text not null,
  blocks bigint,
  primary key (name, place)
)`

/** Made by the first file that is applied: a database without one needs none. */
export async function prepareHistory(ask: Ask): Promise<void> {
  await ask(tables)
}

export async function readHistory(ask: Ask): Promise<AppliedMigration[]> {
  if (!(await hasTable(ask, 'monobloc_migration'))) return []
  const rows = await ask('select number, name, checksum, at, millis from monobloc_migration order by number')
  return rows.map(({ number, name, checksum, at, millis }) => ({
    number: Number(number),
    name,
    checksum,
    at: new Date(Number(at)),
    millis: Number(millis),
  }))
}

/** Notes a file as applied, and with that what was done of it. */
export async function noteApplied(ask: Ask, file: MigrationFile, at: number, millis: number): Promise<void> {
  const { number, name, checksum } = file
  await ask('insert into monobloc_migration values ($1, $2, $3, $4, $5)', [
    number,
    name,
    checksum,
    at,
    Math.round(millis),
  ])
  await ask('delete from monobloc_migration_step where name = $1', [name])
}

/** A statement that was done, or is being done. */
export interface DoneStep {
  place: number
  digest: string
  /** Blocks of the table that are filled; undefined when all of it is done. */
  blocks: number | undefined
}

/** What was done of a file that is not whole. */
export async function readSteps(ask: Ask, name: string): Promise<Map<number, DoneStep>> {
  if (!(await hasTable(ask, 'monobloc_migration_step'))) return new Map()
  const rows = await ask('select place, digest, blocks from monobloc_migration_step where name = $1', [name])
  return new Map(
    rows.map(({ place, digest, blocks }) => [
      place,
      { place, digest, blocks: blocks === null ? undefined : Number(blocks) },
    ]),
  )
}

export async function noteStep(ask: Ask, name: string, { place, digest, blocks }: DoneStep): Promise<void> {
  await ask(
    `insert into monobloc_migration_step values ($1, $2, $3, $4)
     on conflict (name, place) do update set blocks = excluded.blocks`,
    [name, place, digest, blocks ?? null],
  )
}

/** Names of files that were begun and are not whole. */
export async function begunFiles(ask: Ask): Promise<string[]> {
  if (!(await hasTable(ask, 'monobloc_migration_step'))) return []
  return (await ask('select distinct name from monobloc_migration_step')).map(({ name }) => name)
}

export async function hasTable(ask: Ask, name: string): Promise<boolean> {
  const rows = await ask(
    "select 1 from pg_class where relname = $1 and relnamespace = (select oid from pg_namespace where nspname = current_schema()) and relkind in ('r', 'p')",
    [name],
  )
  return rows.length > 0
}
