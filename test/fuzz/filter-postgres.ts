import pg from 'pg'
import type { AnyModel, Condition } from '../../src/schema/index.ts'
import { postgresDialect as dialect } from '../../src/storage/postgres/postgres-dialect.ts'
import { createPostgresStorage } from '../../src/storage/postgres/postgres-storage.ts'
import type { SqlValue } from '../../src/storage/storage.ts'
import { newDatabase } from '../conformance/postgres-database.ts'
import { type AskedDatabase, FilterTemplates } from './filter-database.ts'
import type { World } from './filter-world.ts'

/** As `inDatabase`, on PostgreSQL. */
export async function inPostgres<T>(world: World, work: (database: PostgresFilters) => Promise<T>): Promise<T> {
  const { url, drop } = await newDatabase()
  const storage = createPostgresStorage({ url })
  await storage.open()
  const client = new pg.Client({ connectionString: url })
  client.on('error', () => {})
  try {
    await storage.apply(world.schema, await storage.compare(world.schema))
    await client.connect()
    await fill(client, world)
    await client.query('begin isolation level repeatable read read only')
    return await work(new PostgresFilters(client))
  } finally {
    await client.end()
    await storage.close()
    void drop()
  }
}

/** As another program would, because rows refer to each other in circles: as a replica, which looks at no foreign keys. */
async function fill(client: pg.Client, world: World): Promise<void> {
  await client.query('begin; set local session_replication_role = replica')
  for (const table of world.schema.tables) {
    const rows = table.model
      ? world.rows.get(table.name)!.map((row) => table.columns.map(({ name, type }) => dialect.encode(type, row[name])))
      : world.links.get(table.name)!
    const names = table.columns.map(({ name }) => `"${name}"`).join()
    const marks = table.columns.map((_, at) => `$${at + 1}`).join()
    for (const row of rows) await client.query(`insert into "${table.name}" (${names}) values (${marks})`, [...row])
  }
  await client.query('commit')
}

/** The filter language's SQL, prepared as the storage engine prepares it: the server knows types from where values stand. */
export class PostgresFilters implements AskedDatabase {
  readonly #client: pg.Client
  readonly templates = new FilterTemplates(dialect)
  readonly #names = new Map<string, string>()

  constructor(client: pg.Client) {
    this.#client = client
  }

  /** @param change breaks the SQL, to see the break found */
  async keys(
    model: AnyModel,
    condition: Condition,
    change: (sql: string) => string = (sql) => sql,
  ): Promise<unknown[]> {
    const { sql, values } = this.templates.of(model, condition)
    const text = change(sql)
    const name = this.#names.get(text) ?? `f${this.#names.size}`
    this.#names.set(text, name)
    const { rows } = await this.#client.query<[unknown]>({
      name,
      text,
      values: values.map(bound),
      rowMode: 'array',
    } as pg.QueryArrayConfig)
    return rows.map(([id]) => id)
  }
}

function bound(value: SqlValue): unknown {
  return typeof value === 'number' || typeof value === 'bigint' ? String(value) : value
}
