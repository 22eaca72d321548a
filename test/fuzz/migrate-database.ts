// The database of a case: filled with rows, read, and looked at, by connections that know nothing of Monobloc.
import { existsSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import {
  createSqliteMigrator,
  createSqliteStorage,
  type MigrationEngine,
  type Migrator,
  type Storage,
} from '../../src/storage/index.ts'
import type { Random } from '../faults/random.ts'
import type { Data, HeldRow } from './migrate-oracle.ts'
import { drawValue, type Held } from './migrate-values.ts'
import type { FieldPlan, TablePlan, World } from './migrate-world.ts'

function withDatabase<T>(file: string, use: (db: DatabaseSync) => T): T {
  const db = new DatabaseSync(file, { timeout: 5000 })
  try {
    return use(db)
  } finally {
    db.close()
  }
}

/** Adds rows; what breaks a constraint is left out. */
function fill(file: string, world: World, random: Random): void {
  withDatabase(file, (db) => {
    for (const table of world.tables) {
      const count = random.below(7)
      for (let at = 0; at < count; at++) addRow(db, world, table, random)
      // Its number must not be given again.
      if (table.key === 'serial' && random.chance(0.3))
        attempt(() => db.exec(`delete from "${table.name}" where key = (select max(key) from "${table.name}")`))
    }
    for (const table of world.tables) {
      for (const { name, to } of table.links) {
        const target = world.tables.find(({ id }) => id === to)!
        for (let at = random.below(5); at > 0; at--) {
          const pair = [pickKey(db, table, random), pickKey(db, target, random)]
          if (!pair.includes(null))
            attempt(() => db.prepare(`insert into "${table.name}_${name}" values (?, ?)`).run(...pair))
        }
      }
    }
  })
}

function addRow(db: DatabaseSync, world: World, table: TablePlan, random: Random): void {
  const row: HeldRow = {}
  if (table.key === 'id') row.key = Array.from({ length: 36 }, () => random.below(16).toString(16)).join('')
  if (table.key === 'text') row.key = `k${random.below(1_000_000)}`
  for (const field of table.fields) row[field.name] = fieldValue(db, world, field, random)
  const names = Object.keys(row)
  const list = names.map((name) => `"${name}"`).join(', ')
  const sql = names.length
    ? `insert into "${table.name}" (${list}) values (${names.map(() => '?').join(', ')})`
    : `insert into "${table.name}" default values`
  attempt(() => db.prepare(sql).run(...Object.values(row)))
}

function fieldValue(db: DatabaseSync, world: World, field: FieldPlan, random: Random): Held {
  if (field.nullable && random.chance(0.25)) return null
  if (field.ref === undefined) return drawValue(random, field)
  return pickKey(db, world.tables.find(({ id }) => id === field.ref)!, random)
}

function pickKey(db: DatabaseSync, table: TablePlan, random: Random): Held {
  const statement = db.prepare(`select key from "${table.name}" order by key`)
  statement.setReadBigInts(true)
  const keys = statement.all().map((row) => row.key as Held)
  return keys.length > 0 ? random.pick(keys) : null
}

function attempt(work: () => void): void {
  try {
    work()
  } catch {}
}

function readData(file: string, world: World): Data {
  return withDatabase(file, (db) => {
    const all = (sql: string): HeldRow[] => {
      const statement = db.prepare(sql)
      statement.setReadBigInts(true)
      return statement.all() as HeldRow[]
    }
    return {
      rows: new Map(world.tables.map(({ id, name }) => [id, all(`select * from "${name}" order by key`)])),
      links: new Map(
        world.tables.flatMap((table) =>
          table.links.map(({ name }) => [
            `${table.id}.${name}`,
            all(`select * from "${table.name}_${name}"`)
              .map((row) => Object.values(row).join(' '))
              .sort(),
          ]),
        ),
      ),
    }
  })
}

/** Everything that a refused migration must leave as it was. */
function dump(file: string): string {
  return withDatabase(file, (db) => {
    const schema = db.prepare("select name, sql from sqlite_schema where name not like 'sqlite%' order by name").all()
    const tables = schema.filter(
      ({ name, sql }) => /^CREATE TABLE/i.test(String(sql)) && !/^monobloc_(search|commit)/.test(String(name)),
    )
    const rows = tables.map(({ name }) => {
      const statement = db.prepare(`select * from "${name}"`)
      statement.setReadBigInts(true)
      return [name, statement.all()]
    })
    return JSON.stringify([schema, rows], (_, value) => (typeof value === 'bigint' ? `${value}n` : value))
  })
}

/** The greatest number that was ever given, by table. */
function sequences(file: string): Map<string, number> {
  return withDatabase(file, (db) => {
    if (!db.prepare("select 1 from sqlite_schema where name = 'sqlite_sequence'").get()) return new Map()
    return new Map(
      db
        .prepare('select name, seq from sqlite_sequence')
        .all()
        .map(({ name, seq }) => [name as string, seq as number]),
    )
  })
}

/** What is wrong with what hangs on the tables: full-text indexes, references, what the log was told. */
function derivedProblems(file: string, world: World, logged: number): string[] {
  return withDatabase(file, (db) => {
    const problems: string[] = []
    for (const { name, search } of world.tables) {
      if (!search) continue
      try {
        db.exec(`insert into "monobloc_search_${name}" ("monobloc_search_${name}", rank) values ('integrity-check', 1)`)
      } catch (error) {
        problems.push(`the full-text index of ${name} is not that of its rows: ${(error as Error).message}`)
      }
    }
    const orphans = db.prepare('pragma foreign_key_check').all().length
    if (orphans > 0) problems.push(`${orphans} references lead nowhere`)
    const flood = db
      .prepare('select count(*) as n from monobloc_log where sequence > ? and operation <> 4')
      .get(logged)!.n
    if (flood !== 0) problems.push(`the log was told of ${flood} changes of rows`)
    return problems
  })
}

function lastLogged(file: string): number {
  return withDatabase(file, (db) => Number(db.prepare('select max(sequence) as n from monobloc_log').get()!.n ?? 0))
}

function leftovers(file: string): string[] {
  const folder = path.dirname(file)
  return existsSync(folder) ? readdirSync(folder).filter((name) => /rehearsal|partial/.test(name)) : []
}

/** One database of either engine, as a chain of migrations looks at it. */
export interface FuzzDatabase {
  engine: MigrationEngine
  migrator: Migrator
  storage(): Storage
  fill(world: World, random: Random): Promise<void>
  readData(world: World): Promise<Data>
  dump(): Promise<string>
  sequences(): Promise<Map<string, number>>
  derivedProblems(world: World, logged: number): Promise<string[]>
  lastLogged(): Promise<number>
  leftovers(): Promise<string[]>
  literal(value: Held, field: FieldPlan): string
  drop(): Promise<void>
}

export function sqliteDatabase(folder: string): FuzzDatabase {
  const file = path.join(folder, 'app.db')
  return {
    engine: 'sqlite',
    migrator: createSqliteMigrator({ file }),
    storage: () => createSqliteStorage({ file }),
    fill: async (world, random) => fill(file, world, random),
    readData: async (world) => readData(file, world),
    dump: async () => dump(file),
    sequences: async () => sequences(file),
    derivedProblems: async (world, logged) => derivedProblems(file, world, logged),
    lastLogged: async () => lastLogged(file),
    leftovers: async () => leftovers(file),
    literal,
    drop: async () => {},
  }
}

function literal(value: Held): string {
  if (value === null) return 'NULL'
  if (typeof value === 'string') return `'${value.replaceAll("'", "''")}'`
  if (typeof value === 'number') return Number.isInteger(value) ? value.toExponential() : String(value)
  return value instanceof Uint8Array ? `X'${Buffer.from(value).toString('hex')}'` : String(value)
}
