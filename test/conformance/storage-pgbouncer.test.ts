// Behind PgBouncer in transaction mode, where each transaction may meet another backend.
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createPostgresStorage, type PostgresOptions, type Storage } from '../../src/storage/index.ts'
import { Bouncer } from '../faults/bouncer.ts'
import { whyNoBouncer } from '../faults/postgres-programs.ts'
import { PostgresServer } from '../faults/postgres-server.ts'
import { insertPerson, names, type OpenStorage, rows, schema, speak, write } from './storage-fixture.ts'
import { exerciseGroups } from './storage-groups.ts'
import { exerciseLog } from './storage-log.ts'
import { postgresWords } from './storage-postgres-words.ts'
import { exerciseReads } from './storage-reads.ts'
import { exerciseWrites } from './storage-writes.ts'

speak(postgresWords)

const missing = whyNoBouncer()
let server: PostgresServer
let bouncer: Bouncer
let count = 0

describe.skipIf(missing)(`PostgreSQL behind PgBouncer${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeAll(async () => {
    server = await PostgresServer.create()
    bouncer = await Bouncer.start(server.port)
    await server.query('create database template_of_all')
    const storage = createPostgresStorage({ url: server.url('template_of_all'), connections: 1 })
    await storage.open()
    await storage.apply(schema, await storage.compare(schema))
    await storage.close()
  })
  afterAll(async () => {
    await bouncer.remove()
    await server.remove()
  })

  const storages: Storage[] = []
  afterEach(async () => {
    await Promise.all(storages.splice(0).map((storage) => storage.close()))
  })

  async function openUrl(options: PostgresOptions): Promise<Storage> {
    const storage = createPostgresStorage(options)
    storages.push(storage)
    await storage.open()
    return storage
  }

  const open: OpenStorage = async ({ readers, readerProcesses: _, ...rest } = {}) => {
    const name = `test_${count++}`
    await server.query(`create database ${name} template template_of_all strategy wal_log`)
    const settings = { url: `${bouncer.url(name)}?pgbouncer=true`, connections: readers ?? 4, ...rest }
    return {
      storage: await openUrl(settings),
      outside: async (sql) => void (await server.query(`begin; ${sql}; commit`, undefined, name)),
      reopen: () => openUrl(settings),
    }
  }

  exerciseWrites(open)
  exerciseGroups(open)
  exerciseReads(open)
  exerciseLog(open)

  test('leaves no setting and no prepared statement on a backend', async () => {
    const { storage } = await open()
    await write(storage, (session) => insertPerson(session, 1))
    await names(storage)
    const name = `test_${count - 1}`
    const left = `select (select count(*) from pg_prepared_statements) as prepared,
      (select setting = reset_val from pg_settings where name = 'DateStyle') as dates,
      current_setting('statement_timeout') as timeout`
    const client = new pg.Client({ connectionString: bouncer.url(name) })
    await client.connect()
    expect((await client.query(left)).rows).toEqual([{ prepared: '0', dates: true, timeout: '0' }])
    await client.end()
    expect(await rows(storage, 'select name from person')).toEqual([{ name: 'person 1' }])
  })

  test('is told apart from a server when the URL does not say so', async () => {
    const storage = createPostgresStorage({ url: bouncer.url('postgres'), openMillis: 0 })
    await expect(storage.open()).rejects.toMatchObject({
      code: 'configuration_invalid',
      message: expect.stringContaining('?pgbouncer=true'),
    })
  })
})
