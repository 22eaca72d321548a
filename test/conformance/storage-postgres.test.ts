import pg from 'pg'
import { afterEach, describe, test } from 'vitest'
import type { Schema } from '../../src/schema/index.ts'
import { createPostgresStorage, type PostgresOptions, type Storage } from '../../src/storage/index.ts'
import { missingServer, newDatabase } from './postgres-database.ts'
import { exerciseStorage } from './storage.ts'
import { schema as everyModel, type OpenStorage, speak } from './storage-fixture.ts'
import { postgresWords } from './storage-postgres-words.ts'

speak(postgresWords)

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

async function openUrl(options: PostgresOptions): Promise<Storage> {
  const storage = createPostgresStorage(options)
  cleanups.push(() => storage.close())
  await storage.open()
  return storage
}

async function prepare(url: string, schema: Schema): Promise<void> {
  const storage = createPostgresStorage({ url, connections: 1 })
  await storage.open()
  await storage.apply(schema, await storage.compare(schema))
  await storage.close()
}

const open: OpenStorage = async (options = {}, schema = everyModel) => {
  const { url, drop } = await newDatabase({ key: schema, prepare: (url) => prepare(url, schema) })
  cleanups.push(drop)
  const { readers, readerProcesses: _, ...rest } = options
  const settings: PostgresOptions = { url, connections: readers ?? 4, ...rest }
  return {
    storage: await openUrl(settings),
    async outside(sql) {
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      await client.query(`begin; ${sql}; commit`)
      await client.end()
    },
    async reopen() {
      return openUrl(settings)
    },
  }
}

const missing = missingServer()
if (missing) describe.skip('PostgreSQL', () => test(missing, () => {}))
else exerciseStorage('PostgreSQL', open, () => Promise.reject(new Error('there are no copies')))
