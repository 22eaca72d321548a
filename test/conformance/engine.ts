import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import type { Schema } from '../../src/schema/index.ts'
import { createPostgresStorage, createSqliteStorage, type Storage } from '../../src/storage/index.ts'
import { newDatabase } from './postgres-database.ts'

export interface OpenDatabase {
  storage: Storage
  /** For other processes. */
  address: { file: string } | { url: string }
  close(): Promise<void>
}

/** The engine on which this process runs its tests: vitest.config.ts runs files that touch data on each. */
export interface TestEngine {
  name: 'SQLite' | 'PostgreSQL'
  /** An open database of one test with the tables of a schema. `close` removes it. */
  open(schema: Schema, clock?: { now: () => number }): Promise<OpenDatabase>
  /** What tells an app to use an empty database of its own, which is gone after the tests of the file. */
  settings(): Promise<{ DATABASE_URL?: string }>
}

const sqlite: TestEngine = {
  name: 'SQLite',
  async open(schema, clock) {
    const folder = mkdtempSync(path.join(tmpdir(), 'monobloc-test-database-'))
    const storage = createSqliteStorage({ file: path.join(folder, 'data.db'), clock })
    await fill(storage, schema)
    return {
      storage,
      address: { file: path.join(folder, 'data.db') },
      async close() {
        await storage.close()
        rmSync(folder, { recursive: true })
      },
    }
  },
  // A file in the data folder of the app.
  settings: async () => ({}),
}

const postgres: TestEngine = {
  name: 'PostgreSQL',
  async open(schema, clock) {
    const { url, drop } = await newDatabase({
      key: tablesOf(schema),
      async prepare(url) {
        const storage = createPostgresStorage({ url })
        await fill(storage, schema)
        await storage.close()
      },
    })
    const storage = createPostgresStorage({ url, clock })
    await storage.open()
    return {
      storage,
      address: { url },
      async close() {
        await storage.close()
        void drop()
      },
    }
  },
  settings: async () => ({ DATABASE_URL: (await newDatabase()).url }),
}

/** The same text for two schemas of the same tables. */
function tablesOf({ tables }: Schema): string {
  return JSON.stringify(tables, (name, value) => {
    if (name === 'model') return undefined
    return typeof value === 'bigint' ? String(value) : value
  })
}

async function fill(storage: Storage, schema: Schema): Promise<void> {
  await storage.open()
  await storage.apply(schema, await storage.compare(schema))
}

export const engine = process.env.MONOBLOC_TEST_DATABASE ? postgres : sqlite
