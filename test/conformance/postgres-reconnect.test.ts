// Backends that are ended, and a server that goes and comes back, beneath a storage that stays open.
import pg from 'pg'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createPostgresStorage, type PostgresOptions, type Session, type Storage } from '../../src/storage/index.ts'
import { whyNoPostgres } from '../faults/postgres-programs.ts'
import { PostgresServer } from '../faults/postgres-server.ts'
import { ample, codeOf, insertPerson, names, schema, speak, sql, until, write } from './storage-fixture.ts'
import { postgresWords } from './storage-postgres-words.ts'

speak(postgresWords)

const missing = whyNoPostgres()
const ownPid = sql('select pg_backend_pid()')

describe.skipIf(missing)(`a storage whose connections go${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let server: PostgresServer
  const storages: Storage[] = []

  beforeAll(async () => {
    server = await PostgresServer.create()
    await server.query('create database template_of_all')
    const storage = createPostgresStorage({ url: server.url('template_of_all'), connections: 1 })
    await storage.open()
    await storage.apply(schema, await storage.compare(schema))
    await storage.close()
  })
  afterEach(async () => {
    await Promise.all(storages.splice(0).map((storage) => storage.close()))
  })
  afterAll(() => server?.remove())

  let count = 0
  async function open(options: Partial<PostgresOptions> = {}): Promise<Storage> {
    const name = `test_${count++}`
    await server.query(`create database ${name} template template_of_all strategy wal_log`)
    const storage = createPostgresStorage({ url: server.url(name), connections: 3, ...options })
    storages.push(storage)
    await storage.open()
    return storage
  }

  const end = (pid: unknown) => server.query('select pg_terminate_backend($1)', [pid])

  test('reads again when its connection went', async () => {
    const storage = await open()
    await write(storage, (session) => insertPerson(session, 1))
    let runs = 0
    const found = await storage.read({ deadline: ample }, async (session) => {
      runs++
      const pid = await session.value(ownPid, [])
      if (runs === 1) await end(pid)
      return session.value(sql('select count(*) from person'), [])
    })
    expect(found).toBe(1)
    expect(runs).toBe(2)
    const always = Promise.resolve(
      storage.read({ deadline: ample }, async (session) => {
        await end(await session.value(ownPid, []))
        return session.value(ownPid, [])
      }),
    )
    expect(await codeOf(always)).toBe('database_unavailable')
    expect(await names(storage)).toEqual(['person 1'])
  })

  test('gives up a look at what has changed when the server says nothing, and looks again', async () => {
    const storage = await open({ lookMillis: 200 })
    const watch = storage.watchChanges({ wants: () => true, changed() {} })
    await watch.catchUp()
    const other = new pg.Client(server.url(`test_${count - 1}`))
    await other.connect()
    await other.query('begin; lock table monobloc_stamp')
    expect(await codeOf(watch.catchUp()!)).toBe('database_unavailable')
    await other.end()
    expect(await codeOf(watch.catchUp()!)).toBe('no error')
    // Less than all that the engine does for itself may take.
  }, 20_000)

  test('writes again when its connection went before COMMIT', async () => {
    const storage = await open()
    // One's own backend, from within: nothing but the session is awaited.
    const suicide = sql('select pg_terminate_backend(pg_backend_pid())')
    let runs = 0
    await write(storage, async (session) => {
      runs++
      await insertPerson(session, 1)
      if (runs === 1) await session.value(suicide, [])
      await insertPerson(session, 2)
    })
    expect(runs).toBe(2)
    expect(await names(storage)).toEqual(['person 1', 'person 2'])
    expect(await storage.position()).toBe(1)
  })

  test('writes again, on another connection, when the server takes no more writes', async () => {
    const storage = await open()
    const readOnly = sql("select set_config('transaction_read_only', 'on', true), pg_backend_pid()")
    const pids: unknown[] = []
    await write(storage, async (session) => {
      if (pids.length === 0) pids.push((await session.cells(readOnly, []))![1])
      else pids.push(await session.value(ownPid, []))
      await insertPerson(session, 1)
    })
    expect(new Set(pids).size).toBe(2)
    expect(await names(storage)).toEqual(['person 1'])
  })

  test('loses no neighbour of a group whose connection went', async () => {
    const storage = await open({ writers: 1 })
    let runs = 0
    const suicide = sql('select pg_terminate_backend(pg_backend_pid())')
    const all = Array.from({ length: 20 }, (_, n) =>
      write(storage, async (session) => {
        await insertPerson(session, n)
        if (n === 7 && runs++ === 0) await session.value(suicide, [])
      }),
    )
    await Promise.all(all)
    expect(await names(storage)).toHaveLength(20)
    expect(await storage.position()).toBe(20)
  })

  test('goes on when the server has been away, and says 503 until then', async () => {
    const storage = await open()
    await write(storage, (session) => insertPerson(session, 1))
    await server.kill()
    const count = (session: Session) => session.value(sql('select count(*) from person'), [])
    const late = { deadline: 1_500 }
    const reading = Promise.resolve(storage.read(late, count))
    const [read, written] = await Promise.allSettled([reading, storage.write(late, (one) => insertPerson(one, 2))])
    expect([read, written]).toMatchObject([
      { status: 'rejected', reason: { status: 503 } },
      { status: 'rejected', reason: { status: 503, code: 'database_unavailable' } },
    ])
    const patient = write(storage, (session) => insertPerson(session, 3))
    await server.start()
    await patient
    expect(await names(storage)).toEqual(['person 1', 'person 3'])
  })

  test('waits for its connection no longer than its deadline, and a statement is ended with it', async () => {
    const storage = await open({ connections: 2, writers: 1 })
    const slow = sql('select count(pg_sleep(60)) as slept')
    const late = storage.write({ deadline: 200 }, (session) => session.value(slow, []))
    expect(await codeOf(late)).toBe('deadline_exceeded')
    const running = `select 1 from pg_stat_activity where query like '%pg\\_sleep%' and state = 'active' and pid <> pg_backend_pid()`
    await until(async () => (await server.query(running)).length === 0)
    await write(storage, (session) => insertPerson(session, 1))
    expect(await names(storage)).toEqual(['person 1'])
  })

  test('is not misled by a schema that changed beneath a prepared statement', async () => {
    const storage = await open({ connections: 1 })
    const everything = sql('select * from label')
    await write(storage, (session) => session.run(sql("insert into label (name) values ('a')"), []))
    const read = () => storage.read({ deadline: ample }, (session) => session.all(everything, []))
    expect(await read()).toEqual([{ id: 1, name: 'a' }])
    await server.query('alter table label add column size int default 5', undefined, `test_${count - 1}`)
    expect(await read()).toEqual([{ id: 1, name: 'a', size: 5 }])
    await server.query('alter table label drop column size', undefined, `test_${count - 1}`)
    const written = await write(storage, (session) => session.all(everything, []))
    expect(written).toEqual([{ id: 1, name: 'a' }])
  })

  test('writes what meets others again, until all of it is done', async () => {
    const storage = await open({ connections: 6, writers: 6 })
    await write(storage, (session) => session.run(sql("insert into label (name) values ('0')"), []))
    const read = sql('select name from label where id = 1')
    const change = sql('update label set name = ? where id = 1')
    const increment = () =>
      write(storage, async (session) => {
        const before = Number(await session.value(read, []))
        await session.run(change, [String(before + 1)])
      })
    await Promise.all(Array.from({ length: 60 }, increment))
    expect(await storage.read({ deadline: ample }, (session) => session.value(read, []))).toBe('60')
  })

  test('gets out of a deadlock', async () => {
    const storage = await open({ connections: 4, writers: 4 })
    await write(storage, async (session) => {
      for (const n of [1, 2]) await insertPerson(session, n)
    })
    const rename = sql("update person set name = name || '.' where id = ?")
    const cross = (first: number, second: number) =>
      write(storage, async (session) => {
        await session.run(rename, [`01890000-0000-7000-8000-00000000000${first}`])
        await session.run(rename, [`01890000-0000-7000-8000-00000000000${second}`])
      })
    await Promise.all(Array.from({ length: 12 }, (_, n) => (n % 2 ? cross(1, 2) : cross(2, 1))))
    expect(await names(storage)).toEqual([1, 2].map((n) => `person ${n}${'.'.repeat(12)}`))
  })
})
