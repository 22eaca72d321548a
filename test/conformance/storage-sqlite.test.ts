import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach } from 'vitest'
import { createSqliteStorage, type SqliteOptions } from '../../src/storage/index.ts'
import { exerciseStorage } from './storage.ts'
import { schema as everyModel, type OpenStorage } from './storage-fixture.ts'

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

// Another program: Node's plain SQLite, with none of Monobloc's settings.
const program = `
  const { DatabaseSync } = await import('node:sqlite')
  const db = new DatabaseSync(process.argv[1], { timeout: 5000 })
  db.exec('begin immediate;' + process.argv[2] + ';commit')
  db.close()
`

async function openFile(options: SqliteOptions) {
  const storage = createSqliteStorage(options)
  cleanups.push(() => storage.close())
  await storage.open()
  return storage
}

const open: OpenStorage = async (options = {}, schema = everyModel) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'monobloc-storage-'))
  cleanups.push(() => rm(folder, { recursive: true, force: true }))
  const file = path.join(folder, 'test.db')
  const storage = await openFile({ ...options, file })
  await storage.apply(schema, await storage.compare(schema))
  return {
    storage,
    async outside(sql) {
      await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program, file, sql])
    },
    async reopen() {
      await storage.close()
      return openFile({ ...options, file })
    },
  }
}

async function openCopy(file: string) {
  cleanups.push(() => rm(path.dirname(file), { recursive: true, force: true }))
  const storage = await openFile({ file })
  const never = () => Promise.reject(new Error('a copy is only looked at'))
  return { storage, outside: never, reopen: never }
}

exerciseStorage('SQLite', open, openCopy)
