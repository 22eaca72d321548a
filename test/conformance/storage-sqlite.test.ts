import { execFile, spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { afterEach, expect, test } from 'vitest'
import { createSqliteStorage, type SqliteOptions } from '../../src/storage/index.ts'
import { exerciseStorage } from './storage.ts'
import { changes, schema as everyModel, key, type OpenStorage } from './storage-fixture.ts'

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

const open = async (options: Parameters<OpenStorage>[0] = {}, schema = everyModel) => {
  const folder = await mkdtemp(path.join(tmpdir(), 'monobloc-storage-'))
  cleanups.push(() => rm(folder, { recursive: true, force: true }))
  const file = path.join(folder, 'test.db')
  const storage = await openFile({ ...options, file })
  await storage.apply(schema, await storage.compare(schema))
  return {
    storage,
    file,
    async outside(sql: string) {
      await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program, file, sql])
    },
    async reopen() {
      await storage.close()
      return openFile({ ...options, file })
    },
  }
}

async function openCopy(file: string) {
  const storage = await openFile({ file })
  const never = () => Promise.reject(new Error('a copy is only looked at'))
  return { storage, outside: never, reopen: never }
}

exerciseStorage('SQLite', open, openCopy)

const hasPython = spawnSync('python3', ['-c', 'import sqlite3']).status === 0

// Debian's is 3.40: it lacks functions that ours has, and prints doubles with fewer digits.
test.skipIf(!hasPython)(
  `a program with an older SQLite can write, and is logged alike${hasPython ? '' : ' (skipped: no python3)'}`,
  async () => {
    const { storage, file } = await open()
    const program = `
import sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.execute("insert into post (id, title, price, total, ratio, data, photo) values (?, 'a', -5, 9223372036854775807, ?, '{\\"a\\":1}', x'00ff')", (sys.argv[2], 0.1 + 0.2))
db.execute("update post set title = 'b', ratio = 5e-324, photo = null")
db.execute("delete from post")
db.commit()`
    await promisify(execFile)('python3', ['-c', program, file, key(1)])
    const row = { title: 'b', price: '-0.05', total: '9223372036854775807', ratio: 5e-324, data: { a: 1 }, photo: null }
    expect(await changes(storage)).toMatchObject([
      { operation: 'insert', row: { ...row, title: 'a', ratio: 0.1 + 0.2, photo: 'AP8=' } },
      { operation: 'update', row, previous: { title: 'a', ratio: 0.1 + 0.2, photo: 'AP8=' } },
      { operation: 'delete', row },
    ])
  },
)
