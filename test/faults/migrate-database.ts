import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import {
  createSqliteMigrator,
  createSqliteStorage,
  migrationText,
  readMigrationFiles,
} from '../../src/storage/index.ts'
import { dataStep, newSchema, oldSchema } from './migrate-models.ts'
import type { Random } from './random.ts'

const articles = 2400

/** A database of the old models with rows, and the file that takes it to the new ones. */
export async function prepareOld(file: string, migrations: string, random: Random): Promise<void> {
  mkdirSync(migrations, { recursive: true })
  const migrator = createSqliteMigrator({ file })
  const first = await migrator.plan([], oldSchema)
  writeFileSync(path.join(migrations, '0001-initial.sql'), migrationText('0001-initial', first.steps, {}))
  const files = readMigrationFiles(migrations)
  await migrator.apply({ files, schema: oldSchema, runProgram: () => {} })
  fill(file, random)
  const second = await migrator.plan(files, newSchema)
  const text = migrationText('0002-next', second.steps, second.losses).replaceAll('consent needed', 'consent')
  writeFileSync(path.join(migrations, '0002-next.sql'), text + dataStep)
}

function fill(file: string, random: Random): void {
  const db = new DatabaseSync(file)
  db.exec('begin')
  const writers = Array.from({ length: 20 }, (_, at) => `00000000-0000-0000-0000-${String(at).padStart(12, '0')}`)
  for (const id of writers) db.prepare('insert into writer values (?, ?)').run(id, `writer ${id}`)
  for (let at = 1; at <= 10; at++) db.prepare('insert into tag values (?, ?)').run(at, `tag ${at}`)
  const insert = db.prepare('insert into article (title, body, price, hidden, writer) values (?, ?, ?, ?, ?)')
  const link = db.prepare('insert into article_tags values (?, ?) on conflict do nothing')
  for (let at = 1; at <= articles; at++) {
    const price = `${random.below(1000)}.${String(random.below(100)).padStart(2, '0')}`
    insert.run(
      `Title ${at}`,
      'text '.repeat(random.below(120)),
      price,
      random.chance(0.5) ? 'x' : null,
      random.pick(writers),
    )
    link.run(at, 1 + random.below(10))
  }
  db.exec('commit')
  db.close()
}

/** What the database holds, as one number; `createdAt`, which is the moment of the migration, aside. */
export function digest(file: string): string {
  const db = new DatabaseSync(file, { timeout: 10_000 })
  const hash = createHash('sha256')
  const tables = db
    .prepare("select name, sql from sqlite_schema where name not like 'sqlite%' order by name")
    .all()
    .filter(({ name }) => !/^monobloc_(search|commit|log$|meta|migration)/.test(String(name)))
  hash.update(JSON.stringify(tables))
  for (const { name, sql } of tables) {
    if (!/^CREATE TABLE/i.test(String(sql)) || name === 'monobloc_shape') continue
    for (const row of db.prepare(`select * from "${name}" order by 1, 2`).iterate()) {
      hash.update(JSON.stringify({ ...row, createdAt: undefined }))
    }
  }
  db.close()
  return hash.digest('hex').slice(0, 16)
}

/** What must hold whichever of the two it is. */
export function soundness(file: string): string[] {
  const db = new DatabaseSync(file, { timeout: 10_000 })
  const problems: string[] = []
  const damage = db.prepare('pragma integrity_check').get()!.integrity_check
  if (damage !== 'ok') problems.push(`integrity_check: ${damage}`)
  if (db.prepare('pragma foreign_key_check').all().length > 0) problems.push('references lead nowhere')
  const gaps = db
    .prepare(
      'select count(*) as n from monobloc_commit a where position > 1 and not exists (select 1 from monobloc_commit b where b.position = a.position - 1)',
    )
    .get()!.n
  if (gaps !== 0) problems.push('the log has gaps')
  db.close()
  return problems
}

/** What is wrong with a database that is at its goal. */
export async function goalProblems(file: string, migrations: string): Promise<string[]> {
  const problems: string[] = []
  const migrator = createSqliteMigrator({ file })
  const { files, drift, unplanned } = await migrator.status(readMigrationFiles(migrations), newSchema)
  if (files.some(({ state }) => state !== 'applied')) problems.push('a file is not applied')
  if (drift.length + unplanned.length > 0) problems.push(`differs: ${[...drift, ...unplanned].join('; ')}`)
  const storage = createSqliteStorage({ file })
  await storage.open()
  problems.push(...(await storage.compare(newSchema)).map(({ description }) => `the models would still ${description}`))
  const position = await storage.position()
  const logged = (await storage.tail(position - 1, 10))[0]
  await storage.close()
  const counts = Map.groupBy(logged?.entries ?? [], ({ operation }) => operation)
  const [migrated, updated] = [counts.get('migrate')?.length ?? 0, counts.get('update')?.length ?? 0]
  if (logged?.cause !== 'migration 0002-next' || migrated < 3 || updated !== articles / 3)
    problems.push(`the log has ${migrated} entries of tables and ${updated} of rows, for ${logged?.cause}`)
  return problems
}

/** Backups that are there are whole, and of the old database. */
export function backupProblems(file: string, old: string): string[] {
  const folder = path.join(path.dirname(file), 'backups')
  if (!existsSync(folder)) return []
  return readdirSync(folder)
    .filter((name) => name.endsWith('.db'))
    .filter((name) => digest(path.join(folder, name)) !== old)
    .map((name) => `the backup ${name} is not the old database`)
}
