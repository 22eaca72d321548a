// What only an engine with many connections has to keep, and what it costs.
import net from 'node:net'
import pg from 'pg'
import { afterEach, describe, expect, test } from 'vitest'
import { createPostgresStorage, type PostgresOptions, type Session, type Storage } from '../../src/storage/index.ts'
import { missingServer, newDatabase } from './postgres-database.ts'
import { ample, codeOf, insertPerson, key, names, schema, speak, sql, write } from './storage-fixture.ts'
import { postgresWords } from './storage-postgres-words.ts'

speak(postgresWords)

const cleanups: (() => unknown)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

async function fill(url: string): Promise<void> {
  const storage = createPostgresStorage({ url, connections: 1 })
  await storage.open()
  await storage.apply(schema, await storage.compare(schema))
  await storage.close()
}

async function newUrl(): Promise<string> {
  const { url, drop } = await newDatabase({ key: schema, prepare: fill })
  cleanups.push(drop)
  return url
}

async function openAt(url: string, options: Partial<PostgresOptions> = {}): Promise<Storage> {
  const storage = createPostgresStorage({ url, connections: 6, writers: 3, ...options })
  cleanups.push(() => storage.close())
  await storage.open()
  return storage
}

async function connect(url: string): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url })
  cleanups.push(() => client.end())
  await client.connect()
  return client
}

const missing = missingServer()
describe.skipIf(missing)(`writes on several connections${missing ? ` (skipped: ${missing})` : ''}`, () => {
  // By them a lost COMMIT is looked up: one that was another's would pass for one's own.
  test('have names that no other storage gives, in this process either', async () => {
    const url = await newUrl()
    for (const first of [0, 100]) {
      const storage = await openAt(url)
      for (let n = 0; n < 5; n++) await write(storage, (session) => insertPerson(session, first + n))
      await storage.close()
    }
    const client = await connect(url)
    const { rows } = await client.query('select row::json ->> 4 as name from monobloc_log where operation = 5')
    expect(rows).toHaveLength(10)
    expect(new Set(rows.map(({ name }) => name)).size).toBe(10)
  })

  test('see whatever was acknowledged before they came', async () => {
    const url = await newUrl()
    const storages = [await openAt(url), await openAt(url)]
    const [first] = storages as [Storage]
    await write(first, (session) => session.run(sql("insert into label (name) values ('0')"), []))
    const read = sql('select name from label where id = 1')
    const change = sql('update label set name = (name::int + 1)::text where id = 1')
    const other = sql("insert into label (name) values ('other')")
    let acknowledged = 0
    let isOver = false
    const late: string[] = []
    // They touch no common row but by reading it, so that nothing but the time of their snapshot keeps them honest.
    const observe = async (storage: Storage) => {
      while (!isOver) {
        const floor = acknowledged
        const seen = await write(storage, async (session) => {
          const value = Number(await session.value(read, []))
          await session.run(other, [])
          return value
        })
        if (seen < floor) late.push(`${seen} after ${floor}`)
      }
    }
    const observers = storages.flatMap((storage) => Array.from({ length: 12 }, () => observe(storage)))
    for (let n = 1; n <= 120; n++) {
      await write(first, (session) => session.run(change, []))
      acknowledged = n
    }
    isOver = true
    await Promise.all(observers)
    expect(late).toEqual([])
  })

  test('that wait for a lock do not hold up those they share a transaction with', async () => {
    const storage = await openAt(await newUrl(), { connections: 3, writers: 2 })
    for (const n of [1, 2]) await write(storage, (session) => insertPerson(session, n))
    const rename = sql("update person set name = name || '.' where id = ?")
    const key = (n: number) => `01890000-0000-7000-8000-00000000000${n}`
    // Each holds one row while it asks for the other, in both orders, among others that want nothing of it.
    const all = Array.from({ length: 60 }, (_, n) =>
      write(storage, async (session) => {
        if (n % 3 === 0) await session.run(rename, [key(1)])
        if (n % 3 !== 2) await session.run(rename, [key(2)])
        if (n % 3 === 1) await session.run(rename, [key(1)])
        await insertPerson(session, 100 + n)
      }),
    )
    await Promise.all(all)
    const found = await names(storage)
    expect(found).toHaveLength(62)
    expect(found.slice(0, 2)).toEqual([`person 1${'.'.repeat(40)}`, `person 2${'.'.repeat(40)}`])
    expect(await storage.position()).toBe(62)
  })

  test('go on when only one of a group can not', async () => {
    const storage = await openAt(await newUrl(), { connections: 2, writers: 1 })
    const deferred = async (n: number) =>
      write(storage, async (session) => {
        await insertPerson(session, n)
        if (n === 5) await session.value(sql('select 1 / (select count(*) from debt)'), [])
      })
    const codes = await Promise.all(Array.from({ length: 12 }, (_, n) => codeOf(deferred(n))))
    expect(codes.filter((code) => code !== 'no error')).toHaveLength(1)
    expect(await names(storage)).toHaveLength(11)
  })

  test('are there once they were acknowledged, though their row in the log failed and who came next was undone', async () => {
    const url = await newUrl()
    const storage = await openAt(url, { connections: 3, writers: 1 })
    const other = await connect(url)
    await other.query('create table unlogged (n int)')
    await other.query('begin; lock table monobloc_log in exclusive mode')
    const put = (session: Session, n: number) => session.raw(`insert into unlogged values (${n})`, [])
    const first = write(storage, (session) => session.value(sql('select count(*) from person'), []))
    const acknowledged = write(storage, (session) => put(session, 1))
    const throwing = write(storage, (session) => {
      void Promise.resolve(put(session, 2)).catch(() => {})
      throw new Error('no')
    }).catch((error: Error) => error.message)
    // Longer than they wait for a lock in a transaction that they share.
    await new Promise((resolve) => setTimeout(resolve, 200))
    await other.query('commit')
    await Promise.all([first, acknowledged])
    expect(await throwing).toBe('no')
    expect((await other.query('select n from unlogged')).rows).toEqual([{ n: 1 }])
  })

  test('that are brief run again when their row in the log could not be written', async () => {
    const url = await newUrl()
    const storage = await openAt(url)
    const other = await connect(url)
    await other.query('create table unlogged (n int)')
    const put = () =>
      storage.write({ deadline: ample, label: 'put' }, (session) =>
        session.run(sql('insert into unlogged values (1)'), []),
      )
    for (let n = 0; n < 10; n++) await put()
    await other.query('begin; lock table monobloc_log in exclusive mode')
    const waiting = put()
    await new Promise((resolve) => setTimeout(resolve, 100))
    await other.query('commit')
    await waiting
    expect((await other.query('select n from unlogged')).rows).toHaveLength(11)
  })

  test('that wait for a connection wait until their own deadline', async () => {
    const storage = await openAt(await newUrl(), { connections: 1, writers: 1 })
    // Timers that are early by a part of a millisecond are the rule, not without exception.
    for (let time = 0; time < 4; time++) {
      const reading = storage.read({ deadline: ample }, (session) => session.value(sql('select pg_sleep(0.4)'), []))
      const late = codeOf(storage.write({ deadline: 100 }, (session) => insertPerson(session, 1)))
      const patient = write(storage, (session) => insertPerson(session, 10 + time))
      expect(await late).toBe('database_busy')
      await Promise.all([reading, patient])
    }
    expect(await names(storage)).toHaveLength(4)
  })

  test('do not wait for one that waits for a lock, as long as there are lanes', async () => {
    const url = await newUrl()
    const storage = await openAt(url)
    await write(storage, (session) => insertPerson(session, 1))
    const other = await connect(url)
    await other.query(`begin; select from person where id = '${key(1)}' for update`)
    const ended: string[] = []
    const rename = sql("update person set name = 'x' where id = ?")
    const slow = write(storage, (session) => session.run(rename, [key(1)])).then(() => ended.push('slow'))
    await write(storage, (session) => insertPerson(session, 2)).then(() => ended.push('quick'))
    await other.query('commit')
    await slow
    expect(ended).toEqual(['quick', 'slow'])
  })

  test('of one statement each are read together, and one that fails takes nobody along', async () => {
    const storage = await openAt(await newUrl(), { connections: 2 })
    for (let n = 1; n <= 4; n++) await write(storage, (session) => insertPerson(session, n))
    const nameOf = sql('select name from person where id = ?')
    const read = async (n: number) =>
      storage.read({ deadline: ample }, (session) => {
        session.last!()
        return n === 0 ? session.value(sql('select 1 / ?::int'), [0]) : session.value(nameOf, [key(n)])
      })
    const all = [1, 0, 2, 3, 0, 4, 1, 2, 3, 4, 5].map((n) => read(n).catch((error: { code: string }) => error.code))
    const person = (...of: number[]) => of.map((n) => `person ${n}`)
    expect(await Promise.all(all)).toEqual([
      'person 1', 'database_error', ...person(2, 3), 'database_error', ...person(4, 1, 2, 3, 4), undefined,
    ]) // biome-ignore format: one row
  })

  test('may take longer than the server would give them by itself, and hold a snapshot as long', async () => {
    const storage = await openAt(await newUrl(), { connections: 2 })
    const limits = sql(
      "select current_setting('statement_timeout'), current_setting('idle_in_transaction_session_timeout')",
    )
    expect(await storage.write({ deadline: Infinity }, (session) => session.cells(limits, []))).toEqual(['0', '10s'])
    expect(await storage.read({ deadline: Infinity }, (session) => session.cells(limits, []))).toEqual(['0', '0'])
    const alone = storage.read({ deadline: Infinity }, (session) => {
      session.last!()
      return session.cells(limits, [])
    })
    expect(await alone).toEqual(['0', '0'])
    expect(await storage.read({ deadline: 1_000 }, (session) => session.cells(limits, []))).toEqual(['1min', '10s'])
  })
})

describe.skipIf(missing)('round trips', () => {
  test('are two for a write of one statement, and one for a read', async () => {
    const url = new URL(await newUrl())
    const target = { host: url.hostname, port: Number(url.port) }
    let sent = 0
    const proxy = net.createServer((socket) => {
      const through = net.connect(target)
      for (const one of [socket, through]) one.on('error', () => {})
      socket.on('data', () => sent++)
      socket.pipe(through).pipe(socket)
      socket.on('close', () => through.destroy())
    })
    await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve))
    cleanups.push(() => proxy.close())
    url.port = String((proxy.address() as net.AddressInfo).port)
    const storage = await openAt(url.href, { connections: 1 })
    const count = async (work: () => unknown) => {
      const before = sent
      await work()
      return sent - before
    }
    const read = () =>
      storage.read({ deadline: ample }, (session) => {
        session.last!()
        return session.value(sql('select count(*) from person'), [])
      })
    await read()
    expect(await count(read)).toBe(1)
    // Those of one moment share it, eight at most.
    expect(await count(() => Promise.all(Array.from({ length: 8 }, read)))).toBe(1)
    expect(await count(() => Promise.all(Array.from({ length: 9 }, read)))).toBe(2)
    let n = 0
    const insert = () => write(storage, (session) => insertPerson(session, ++n))
    await insert()
    expect(await count(insert)).toBe(2)
    // So are those of one moment, of a kind that has asked one statement often enough.
    const brief = () =>
      storage.write({ deadline: ample, label: 'POST /people' }, (session) => insertPerson(session, ++n))
    for (let times = 0; times < 10; times++) await brief()
    expect(await count(() => Promise.all(Array.from({ length: 8 }, brief)))).toBe(2)
    // One more statement is one more.
    const two = () =>
      write(storage, async (session) => [await insertPerson(session, ++n), await insertPerson(session, ++n)])
    expect(await count(two)).toBe(3)
    // What is asked at once goes at once.
    const together = () =>
      write(storage, (session) => Promise.all([insertPerson(session, ++n), insertPerson(session, ++n)]))
    expect(await count(together)).toBe(2)
  })
})
