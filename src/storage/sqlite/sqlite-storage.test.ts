import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate as nextRound } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import { model, Schema, t } from '../../schema/index.ts'
import type { SqliteOptions } from './sqlite-options.ts'
import { createSqliteStorage } from './sqlite-storage.ts'

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

const schema = new Schema([model('thing', { id: t.serial(), text: t.text().nullable() })])
const insert = { sql: 'insert into thing (text) values (?)', reach: 'bounded' } as const
const count = { sql: 'select count(*) from thing', reach: 'bounded' } as const
const ample = { deadline: 30_000 }

function newFile(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'monobloc-sqlite-'))
  cleanups.push(() => rmSync(folder, { recursive: true, force: true }))
  return path.join(folder, 'test.db')
}

async function open(options: Partial<SqliteOptions> = {}) {
  const file = options.file ?? newFile()
  const storage = createSqliteStorage({ ...options, file })
  cleanups.push(() => storage.close())
  await storage.open()
  await storage.apply(schema, await storage.compare(schema))
  return { file, storage }
}

test('a read that a disk error ends gives its connection back, and tells of that error', async () => {
  const { storage, file } = await open({ readers: 1 })
  const everything = { sql: 'select * from thing', reach: 'bounded' } as const
  const failing = async (pause: () => unknown) =>
    storage.read(ample, async (session) => {
      session.first({ sql: 'select * from thing where id = 1', reach: 'bounded' }, [])
      await pause()
      truncateSync(`${file}-wal`, 8192)
      return session.all(everything, [])
    })
  for (const pause of [() => {}, () => nextRound()]) {
    // What was read before is in the connection's cache.
    await storage.write(ample, (session) => {
      for (let row = 0; row < 300; row++) session.run(insert, ['x'.repeat(1000)])
    })
    const log = readFileSync(`${file}-wal`)
    await expect(failing(pause)).rejects.toMatchObject({ code: 'database_error', cause: { errcode: 522 } })
    writeFileSync(`${file}-wal`, log)
    expect((await storage.read(ample, (session) => session.all(everything, []))).length % 300).toBe(0)
  }
})

describe('reads that arrive in one round of the event loop', () => {
  const arriving = { ...ample, arriving: true }
  const counted = (storage: ReturnType<typeof createSqliteStorage>, options: object = arriving) =>
    storage.read({ ...ample, ...options }, (session) => {
      session.last!()
      return session.value(count, [])
    })
  const outside = (file: string) => {
    const other = new DatabaseSync(file)
    cleanups.push(() => other.close())
    return () => other.exec('insert into thing default values')
  }

  test('see one snapshot from the second on, and the next round a new one', async () => {
    const { storage, file } = await open()
    const insertOutside = outside(file)
    // The very first read opens the connection.
    expect(counted(storage)).toBe(0)
    await nextRound()
    expect(counted(storage)).toBe(0)
    insertOutside()
    expect(counted(storage)).toBe(1)
    insertOutside()
    expect(counted(storage)).toBe(1)
    await nextRound()
    expect(counted(storage)).toBe(2)
  })

  test('see what this process commits in it', async () => {
    const { storage } = await open()
    counted(storage)
    await nextRound()
    // The write's turn comes before the end of the round, which the reads after it bring about.
    const seen = storage.write(ample, (session) => session.run(insert, ['a'])).then(() => counted(storage))
    expect([counted(storage), counted(storage)]).toEqual([0, 0])
    expect(await seen).toBe(1)
  })

  test('leave every other read its own snapshot', async () => {
    const { storage, file } = await open()
    const insertOutside = outside(file)
    counted(storage)
    await nextRound()
    expect([counted(storage), counted(storage)]).toEqual([0, 0])
    insertOutside()
    expect(counted(storage, {})).toBe(1)
    const held = storage.read(arriving, async (session) => {
      const before = session.value(count, [])
      await nextRound()
      return [before, session.value(count, [])]
    })
    expect([counted(storage), counted(storage)]).toEqual([1, 1])
    insertOutside()
    expect(await held).toEqual([1, 1])
    expect(counted(storage)).toBe(2)
  })

  test('share it where they ask several statements at once, and keep it beyond the round where they wait', async () => {
    const { storage, file } = await open()
    const insertOutside = outside(file)
    counted(storage)
    await nextRound()
    const twice = () => storage.read(arriving, (session) => [session.value(count, []), session.value(count, [])])
    const kept = storage.read(arriving, async (session) => {
      const before = session.value(count, [])
      await nextRound()
      await nextRound()
      return [before, session.value(count, [])]
    })
    insertOutside()
    // In the snapshot of the round, which began with the read before.
    expect(twice()).toEqual([0, 0])
    expect(counted(storage)).toBe(0)
    await nextRound()
    // A new round: that snapshot belongs to the read that goes on.
    expect(twice()).toEqual([1, 1])
    insertOutside()
    expect(await kept).toEqual([0, 0])
    await nextRound()
    expect(twice()).toEqual([2, 2])
  })

  test('have a snapshot of their own once they have waited', async () => {
    const { storage, file } = await open()
    const insertOutside = outside(file)
    counted(storage)
    await nextRound()
    const late = storage.read(arriving, async (session) => {
      await Promise.resolve()
      return [session.value(count, []), session.value(count, [])]
    })
    expect([counted(storage), counted(storage)]).toEqual([0, 0])
    insertOutside()
    expect(await late).toEqual([1, 1])
  })

  test('end with the storage', async () => {
    const { storage } = await open()
    counted(storage)
    await nextRound()
    expect([counted(storage), counted(storage)]).toEqual([0, 0])
    await storage.close()
    await nextRound()
    expect(() => counted(storage)).toThrow(expect.objectContaining({ code: 'shutting_down' }))
  })
})

describe('the last statement of a read', () => {
  test('needs no transaction where it is the first, and none may follow', async () => {
    const { storage } = await open()
    await storage.write(ample, (session) => session.run(insert, ['a']))
    expect(
      storage.read(ample, (session) => {
        session.last!()
        return session.value(count, [])
      }),
    ).toBe(1)
    const two = () =>
      storage.read(ample, (session) => {
        session.last!()
        session.value(count, [])
        return session.value(count, [])
      })
    expect(two).toThrow('after the last one')
    expect(storage.read(ample, (session) => session.value(count, []))).toBe(1)
  })

  test('sees the snapshot that is held already', async () => {
    const { storage } = await open()
    const seen = await storage.read(ample, async (session) => {
      const before = session.value(count, [])
      await storage.write(ample, (writing) => writing.run(insert, ['a']))
      session.last!()
      return [before, session.value(count, [])]
    })
    expect(seen).toEqual([0, 0])
  })

  test('waits for a connection like any other', async () => {
    const { storage } = await open({ readers: 1 })
    const { promise: held, resolve: release } = Promise.withResolvers<void>()
    const first = storage.read(ample, async (session) => {
      session.value(count, [])
      await held
    })
    const second = storage.read(ample, (session) => {
      session.last!()
      return session.value(count, [])
    })
    release()
    expect(await Promise.all([first, second])).toEqual([undefined, 0])
  })
})

describe('opening', () => {
  test('a database in memory is refused, because each connection would have its own', () => {
    for (const file of [':memory:', '']) {
      expect(() => createSqliteStorage({ file })).toThrow(expect.objectContaining({ code: 'configuration_invalid' }))
    }
  })

  test('makes the folder, and may happen twice', async () => {
    const { storage } = await open({ file: path.join(path.dirname(newFile()), 'a', 'b', 'test.db') })
    await storage.open()
    expect(await storage.position()).toBe(0)
  })

  test('a file that is no database is refused', async () => {
    const file = newFile()
    writeFileSync(file, 'this is a text file, and a long one at that: a header has a hundred bytes'.repeat(10))
    await expect(createSqliteStorage({ file }).open()).rejects.toMatchObject({ code: 'database_corrupt' })
  })

  test('a database of a newer format is refused', async () => {
    const { file, storage } = await open()
    await storage.close()
    const db = new DatabaseSync(file)
    db.exec("update monobloc_meta set value = '2' where name = 'format'")
    db.close()
    await expect(createSqliteStorage({ file }).open()).rejects.toMatchObject({
      code: 'configuration_invalid',
      message: expect.stringContaining('format 2'),
    })
  })

  test('waits for who holds the lock just now, up to a time', async () => {
    const file = newFile()
    const holder = new DatabaseSync(file)
    cleanups.push(() => holder.close())
    holder.exec('pragma journal_mode = wal; begin immediate')
    await expect(createSqliteStorage({ file, openMillis: 20 }).open()).rejects.toMatchObject({ code: 'database_busy' })
    const opening = open({ file })
    holder.exec('commit')
    expect(await (await opening).storage.position()).toBe(0)
  })
})

describe.skipIf(process.platform === 'win32')('what is made on the disk', () => {
  const modes = (folder: string) =>
    Object.fromEntries(
      ['.', ...readdirSync(folder)].map((name) => [name, statSync(path.join(folder, name)).mode & 0o777]),
    )
  test("is its owner's alone, and a copy too", async () => {
    const folder = path.join(path.dirname(newFile()), 'new', 'data')
    const { storage } = await open({ file: path.join(folder, 'a.db') })
    await storage.write(ample, (session) => session.run(insert, ['x']))
    expect(modes(folder)).toEqual({ '.': 0o700, 'a.db': 0o600, 'a.db-wal': 0o600, 'a.db-shm': 0o600 })
    await storage.backup(path.join(folder, 'copies', 'b.db'))
    expect(modes(path.join(folder, 'copies'))).toEqual({ '.': 0o700, 'b.db': 0o600 })
  })
  test('is whole where two copies to one file meet, without what a killed one has left', async () => {
    const target = newFile()
    const left = [process.pid, 999_999_999].map((pid) => `${target}.partial-${pid}-0123abcd`)
    const other = `${target}.partial-${process.ppid}-0123abcd`
    for (const file of [...left, other]) writeFileSync(file, '')
    const copies = await Promise.all([1, 2].map(async () => (await open()).storage.backup(target)))
    expect(copies).toHaveLength(2)
    expect(readdirSync(path.dirname(target)).sort()).toEqual([target, other].map((file) => path.basename(file)))
    expect(new DatabaseSync(target).prepare('pragma integrity_check').get()).toEqual({ integrity_check: 'ok' })
  })
  test('leaves what is there as open as it is', async () => {
    const file = newFile()
    chmodSync(path.dirname(file), 0o755)
    new DatabaseSync(file).exec('create table other (a)')
    chmodSync(file, 0o644)
    await open({ file })
    expect(modes(path.dirname(file))).toMatchObject({ '.': 0o755, 'test.db': 0o644 })
  })
})

describe('several storages on one file', () => {
  test('write by turns, and their positions are dense', async () => {
    const { file, storage } = await open()
    const { storage: other } = await open({ file })
    const one = async (from: typeof storage) => {
      for (let n = 0; n < 50; n++) await from.write(ample, (session) => session.run(insert, ['x']))
    }
    await Promise.all([one(storage), one(other)])
    expect(await storage.read(ample, (session) => session.value(count, []))).toBe(100)
    const log = await other.tail(0, 1_000)
    expect(log.map(({ position }) => position)).toEqual(Array.from({ length: 100 }, (_, at) => at + 1))
    expect(log.every(({ outside }) => !outside)).toBe(true)
  })
})

describe('the WAL', () => {
  test('is moved into the database as it grows', async () => {
    const { file, storage } = await open()
    const page = 'x'.repeat(4_000)
    for (let n = 0; n < 30; n++) {
      await storage.write(ample, (session) => {
        for (let row = 0; row < 100; row++) session.run(insert, [page])
      })
      // The move comes after the answers have left.
      await new Promise((resolve) => setImmediate(resolve))
    }
    // 3,000 rows of a page: about 12 MB went through the WAL, which begins anew each time it has been moved.
    expect(statSync(file).size).toBeGreaterThan(8_000_000)
    expect(statSync(`${file}-wal`).size).toBeLessThan(8_000_000)
  })

  test('begins anew although snapshots overlap all the time', async () => {
    const { file, storage } = await open({ walAlarmBytes: 4_000_000 })
    let reading = true
    const read = async () => {
      while (reading) {
        await storage.read(ample, async (session) => {
          await session.value(count, [])
          await new Promise((resolve) => setTimeout(resolve, 20))
        })
      }
    }
    const half = new Promise((resolve) => setTimeout(resolve, 10))
    const readers = [read(), half.then(read)]
    const page = 'x'.repeat(4_000)
    let largest = 0
    for (let n = 0; n < 150; n++) {
      await storage.write(ample, (session) => {
        for (let row = 0; row < 40; row++) session.run(insert, [page])
      })
      largest = Math.max(largest, statSync(`${file}-wal`).size)
      await new Promise((resolve) => setImmediate(resolve))
    }
    reading = false
    await Promise.all(readers)
    // Some 50 MB went through it.
    expect(statSync(file).size).toBeGreaterThan(40_000_000)
    expect(largest).toBeLessThan(16_000_000)
  })

  test('that a snapshot holds is reported, and beyond the limit the snapshot is ended', async () => {
    const reports: { bytes: number; overLimit: boolean }[] = []
    const { storage } = await open({
      walAlarmBytes: 4_000_000,
      walLimitBytes: 12_000_000,
      onWal: (report) => reports.push(report),
    })
    const held = Promise.withResolvers<void>()
    const holder = (async () =>
      storage.read(ample, async (session) => {
        await session.value(count, [])
        held.resolve()
        await new Promise(() => {})
      }))()
    const ended = holder.then(
      () => 'no error',
      (error) => error.code,
    )
    await held.promise
    const page = 'x'.repeat(4_000)
    let answered: string | undefined
    ended.then((code) => {
      answered = code
    })
    while (answered === undefined) {
      await storage.write(ample, (session) => {
        for (let row = 0; row < 100; row++) session.run(insert, [page])
      })
      await new Promise((resolve) => setImmediate(resolve))
    }
    expect(answered).toBe('deadline_exceeded')
    expect(reports[0]).toMatchObject({ overLimit: false })
    expect(reports[0]!.bytes).toBeGreaterThanOrEqual(4_000_000)
    expect(reports.at(-1)!.overLimit).toBe(true)
  })
})

describe('a statement that is judged by its plan', () => {
  const sql = 'select * from thing where text = ? order by text limit 5'

  test('is reported in development when it reads a whole table', async () => {
    const reports: unknown[] = []
    const { storage, file } = await open({ mode: 'development', onScan: (report) => reports.push(report) })
    const fill = (rows: number) =>
      storage.write(ample, (session) => {
        for (let row = 0; row < rows; row++) session.run(insert, ['x'])
      })
    await fill(1_000)
    await storage.read(ample, (session) => session.all({ sql, reach: 'plan' }, ['x']))
    expect(reports).toEqual([])
    await fill(1)
    // What is known of a table holds for a while: it is another storage that sees the row beyond.
    await storage.close()
    const { storage: grown } = await open({ file, mode: 'development', onScan: (report) => reports.push(report) })
    const statement = { sql, reach: 'plan' } as const
    for (let n = 0; n < 2; n++) await grown.read(ample, (session) => session.all(statement, ['x']))
    expect(reports).toEqual([{ table: 'thing', sql, suggestion: "model('thing', …, { indexes: [['text']] })" }])
  })

  test('is not reported in production', async () => {
    const reports: unknown[] = []
    const { storage } = await open({ onScan: (report) => reports.push(report) })
    await storage.read(ample, (session) => session.all({ sql, reach: 'plan' }, ['x']))
    expect(reports).toEqual([])
  })

  test.each([
    [2_000, 1],
    [2_001, 2],
  ])('runs here over %i rows of a table without an index, beyond in a reader process', async (rows, expected) => {
    const { storage } = await open()
    await storage.write(ample, (session) => {
      for (let row = 0; row < rows; row++) session.run(insert, ['x'])
    })
    let runs = 0
    const found = await storage.read(ample, async (session) => {
      runs++
      return (await session.all({ sql, reach: 'plan' }, ['x'])).length
    })
    expect([found, runs]).toEqual([5, expected])
  })
})

test('a write that a reader process would have to do is refused there too', async () => {
  const { storage } = await open()
  const read = async (sql: string) => storage.read(ample, (session) => session.raw(sql, []))
  await expect(read("insert into thing (text) values ('x')")).rejects.toMatchObject({ code: 'transaction_read_only' })
  await expect(read('attach ":memory:" as other')).rejects.toMatchObject({ code: 'statement_refused' })
})
