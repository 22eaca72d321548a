import type { DatabaseSync } from 'node:sqlite'
import type { AppliedMigration } from '../migrations/migration.ts'

const table = `
create table if not exists monobloc_migration (
  number integer primary key,
  name text not null,
  checksum text not null,
  at integer not null,
  millis integer not null
) strict`

/** Made by the first file that is applied: a database without one needs none. */
export function prepareHistory(db: DatabaseSync): void {
  db.exec(table)
}

export function readHistory(db: DatabaseSync): AppliedMigration[] {
  if (db.prepare("select 1 from sqlite_schema where name = 'monobloc_migration'").get() === undefined) return []
  return db
    .prepare('select * from monobloc_migration order by number')
    .all()
    .map((row) => ({
      number: row.number as number,
      name: row.name as string,
      checksum: row.checksum as string,
      at: new Date(row.at as number),
      millis: row.millis as number,
    }))
}
