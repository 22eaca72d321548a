// What the log on PostgreSQL promises beyond what every engine's does.
import pg from 'pg'
import { afterEach, describe, expect, test } from 'vitest'
import { model, Schema, t } from '../../src/schema/index.ts'
import { createPostgresStorage, type LoggedTransaction, type Storage } from '../../src/storage/index.ts'
import { missingServer, newDatabase } from './postgres-database.ts'
import { ample, insertPerson, key, schema, speak, until, write } from './storage-fixture.ts'
import { postgresWords } from './storage-postgres-words.ts'

speak(postgresWords)

const cleanups: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const clean of cleanups.splice(0).reverse()) await clean()
})

async function connect(url: string, options: pg.ClientConfig = {}): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: url, ...options })
  client.on('error', () => {})
  await client.connect()
  cleanups.push(() => client.end().catch(() => {}))
  return client
}

async function open(models = schema, named = ''): Promise<{ storage: Storage; url: string; outside: pg.Client }> {
  const { url, drop } = await newDatabase()
  cleanups.push(drop)
  const own = new URL(url)
  if (named) {
    await (await connect(url)).query(`create schema ${named}`)
    own.searchParams.set('options', `-c search_path=${named}`)
  }
  const storage = createPostgresStorage({ url: own.href, connections: 4 })
  cleanups.push(() => storage.close())
  await storage.open()
  await storage.apply(models, await storage.compare(models))
  return { storage, url, outside: await connect(own.href) }
}

const insert = (n: number) => `insert into person (id, name) values ('${key(n)}', 'person ${n}')`
const named = (log: readonly LoggedTransaction[]) =>
  log.map(({ entries }) => entries.map(({ operation, row }) => `${operation} ${row.name ?? ''}`.trim()))

const missing = missingServer()
const title = `the log on PostgreSQL${missing ? ` (skipped: ${missing})` : ''}`

describe.skipIf(missing)(title, () => {
  test('is in the order of commits, and waits for nobody', async () => {
    const { storage, url, outside: slow } = await open()
    await slow.query(`begin; ${insert(1)}`)
    const elsewhere = await connect(new URL('/postgres', url).href)
    await elsewhere.query('begin; select pg_current_xact_id()')
    await write(storage, (session) => insertPerson(session, 2))
    expect(named(await storage.tail(0, 10))).toEqual([['insert person 2']])
    await slow.query('commit')
    await write(storage, (session) => insertPerson(session, 3))
    expect(named(await storage.tail(0, 10))).toEqual([['insert person 2'], ['insert person 1'], ['insert person 3']])
  })

  test('has what was made under savepoints, and not what they undid, in one transaction', async () => {
    const { storage, outside } = await open()
    await outside.query(
      `begin; ${insert(1)}; savepoint a; ${insert(2)}; rollback to a; savepoint b; ${insert(3)}; release b; commit`,
    )
    await outside.query(`begin; ${insert(4)}; rollback`)
    expect(named(await storage.tail(0, 10))).toEqual([['insert person 1', 'insert person 3']])
  })

  test('has one position for each unit that shares a transaction, and none for those without an entry', async () => {
    const { storage, outside } = await open()
    const unit = (cause: string | null) =>
      `insert into monobloc_log (shape, operation, row) values (0, 5, '[1,null,${JSON.stringify(cause)},null]')`
    await outside.query(
      `begin; ${insert(1)}; ${unit('a')}; ${unit('nothing')}; ${insert(2)}; ${insert(3)}; ${unit('b')}; ${insert(4)}; commit`,
    )
    await outside.query(unit('nothing'))
    const log = await storage.tail(0, 10)
    expect(log.map(({ position, cause, outside }) => [position, cause, outside])).toEqual([
      [1, 'a', false],
      [2, 'b', false],
      [3, null, true],
    ])
    expect(named(log)).toEqual([['insert person 1'], ['insert person 2', 'insert person 3'], ['insert person 4']])
    const { rows } = await outside.query('select row from monobloc_log where operation = 5 order by sequence')
    expect(rows.map(({ row }) => JSON.parse(row)[2])).toEqual(['a', 'b'])
  })

  test('has one position for each entry that a row of several units stands behind', async () => {
    const { storage, outside } = await open()
    const unit = (cause: string | null) => `[1,"me",${JSON.stringify(cause)},null,"u"]`
    const row = (text: string) => `insert into monobloc_log (shape, operation, row) values (0, 5, '${text}')`
    const three = row(`[${['a', 'b', 'c'].map(unit)}]`)
    await outside.query(
      `begin; ${insert(1)}; ${row(unit('one'))}; ${insert(2)}; ${insert(3)}; ${insert(4)}; ${three}; ${insert(5)}; commit`,
    )
    // An entry too few, and none at all: whose they are is not known.
    await outside.query(`begin; ${insert(6)}; ${insert(7)}; ${three}; ${three}; commit`)
    const log = await storage.tail(0, 10)
    expect(log.map(({ actor, cause, outside }) => [actor, cause, outside])).toEqual([
      ['me', 'one', false],
      ['me', 'a', false],
      ['me', 'b', false],
      ['me', 'c', false],
      [null, null, true],
      [null, null, false],
    ])
    expect(named(log)).toEqual([
      ...[1, 2, 3, 4, 5].map((n) => [`insert person ${n}`]),
      ['insert person 6', 'insert person 7'],
    ])
    // The last of them goes with their row.
    const rows = async () => (await outside.query('select operation from monobloc_log')).rows.length
    expect(await rows()).toBe(7 + 3)
    await storage.prune({ maxAge: 1000, maxEntries: 1000 })
    expect(await rows()).toBe(3 + 1)
  })

  test('can be written by who may not write to it, whatever the session has set', async () => {
    const { storage, url, outside } = await open()
    const role = `monobloc_test_${process.pid}`
    await outside.query(`create role ${role}; grant insert, update on post to ${role}`)
    cleanups.push(async () => {
      await outside.query(`drop owned by ${role}`)
      await outside.query(`drop role ${role}`)
    })
    const settings = { timezone: 'Asia/Kolkata', datestyle: 'SQL, DMY', bytea_output: 'escape', extra_float_digits: -5 }
    const options = Object.entries(settings).map(
      ([name, value]) => `-c ${name}=${String(value).replaceAll(' ', '\\ ')}`,
    )
    const stranger = await connect(url, { options: [...options, '-c search_path='].join(' ') })
    await stranger.query(`set role ${role}`)
    await expect(stranger.query('select from public.monobloc_log')).rejects.toMatchObject({ code: '42501' })
    const row = { title: 'é "', price: '-0.05', total: '9223372036854775807', ratio: 0.1 + 0.2, data: [1, { a: null }] }
    await stranger.query('set default_transaction_isolation = serializable')
    await stranger.query(
      `insert into public.post (id, title, price, total, ratio, data, photo, day, at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [
        key(1),
        row.title,
        row.price,
        row.total,
        row.ratio,
        JSON.stringify(row.data),
        Buffer.from([0, 255]),
        '2026-11-22',
        '2026-11-22T10:20:30.4Z',
      ],
    )
    await stranger.query('update public.post set ratio = 5e-324, photo = null, at = null, day = null')
    const found = { ...row, photo: 'AP8=', day: '2026-11-22', at: '2026-11-22T10:20:30.400Z' }
    const { ratio, photo, day, at } = found
    expect((await storage.tail(0, 10)).map(({ entries }) => entries[0])).toMatchObject([
      { row: found, previous: {} },
      { row: { ...row, ratio: 5e-324, photo: null, day: null, at: null }, previous: { ratio, photo, day, at } },
    ])
  })

  test('tells of TRUNCATE in one entry, and of ON CONFLICT and MERGE as of what they did', async () => {
    const { storage, outside } = await open()
    await outside.query(insert(1))
    await outside.query(`${insert(1)} on conflict (id) do update set name = 'again'`)
    await outside.query(`merge into person p using (values ('${key(1)}'::uuid), ('${key(2)}')) n (id) on p.id = n.id
      when matched then delete when not matched then insert (id, name) values (n.id, 'merged')`)
    await outside.query('truncate post_labels, debt, post, person')
    const log = await storage.tail(0, 10)
    const emptied = log.pop()!
    expect(named(log)).toEqual([
      ['insert person 1'],
      ['update again'],
      expect.arrayContaining(['insert merged', 'delete again']),
    ])
    const tables = ['debt', 'person', 'post', 'post_labels']
    expect(emptied.entries.map(({ table, operation, row }) => [table, operation, row]).sort()).toEqual(
      tables.map((table) => [table, 'empty', {}]),
    )
  })

  test('is in a schema of its own where the connection says so', async () => {
    const { storage, url, outside } = await open(schema, 'app')
    await outside.query(insert(1))
    await (await connect(url)).query(insert(2).replace('person', 'app.person'))
    expect(named(await storage.tail(0, 10))).toEqual([['insert person 1'], ['insert person 2']])
  })

  test('has rows of more columns than a function takes arguments', async () => {
    const names = Array.from({ length: 230 }, (_, at) => `f${at}`)
    const Wide = model('wide', {
      id: t.id(),
      ...Object.fromEntries(names.map((name) => [name, t.text()])),
      list: t.json(),
    })
    const { storage, outside } = await open(new Schema([Wide]))
    const row = { id: key(1), ...Object.fromEntries(names.map((name, at) => [name, `'[${at}]'`])), list: [[]] }
    await outside.query(`insert into wide select * from jsonb_populate_record(null::wide, $1)`, [JSON.stringify(row)])
    expect((await storage.tail(0, 1))[0]!.entries[0]!.row).toEqual(row)
  })

  test('is not held up by who takes its lock and says nothing more', async () => {
    const { storage, outside } = await open()
    await write(storage, (session) => insertPerson(session, 1))
    let isGone = false
    outside.on('end', () => {
      isGone = true
    })
    await outside.query(
      `begin; select pg_advisory_xact_lock((${0x6d6f6e6f}::bigint << 32) | 'monobloc_log'::regclass::oid::bigint)`,
    )
    expect(await storage.position()).toBe(1)
    await until(() => isGone)
  })

  test('tells other nodes of many commits in few notifications', async () => {
    const { storage, url, outside } = await open()
    let notified = 0
    outside.on('notification', () => notified++)
    await outside.query('listen monobloc_log')
    const other = createPostgresStorage({ url, connections: 2 })
    cleanups.push(() => other.close())
    await other.open()
    let seen = 0
    other.onAppend(async () => {
      seen = Math.max(seen, await other.position().catch(() => 0))
    })
    storage.onAppend(() => {})
    const many = 300
    await Promise.all(Array.from({ length: many }, (_, n) => write(storage, (session) => insertPerson(session, n))))
    await until(() => seen === many && notified > 0)
    expect(notified).toBeLessThan(many)
  })

  test('keeps few of the rows that say how far positions go', async () => {
    const { storage, outside } = await open()
    for (let n = 1; n <= 25; n++) {
      await outside.query(insert(n))
      expect(await storage.position()).toBe(n)
    }
    const { rows } = await outside.query('select max(position) as position, count(*) as count from monobloc_stamp')
    expect(rows).toEqual([{ position: '25', count: '11' }])
  })

  test('is not told of what is written as a replica', async () => {
    const { storage, outside } = await open()
    await outside.query(`set session_replication_role = replica; ${insert(1)}`)
    expect(await storage.position()).toBe(0)
  })

  test('keeps the rows of a table that come in while it is emptied', async () => {
    const { storage, outside } = await open()
    await write(storage, (session) => insertPerson(session, 1))
    const person = schema.tables.find(({ name }) => name === 'person')!
    let tries = 0
    const gone = await storage.write({ deadline: ample }, async (session) => {
      // The snapshot of this unit is from before the second row.
      await session.raw('select 1', [])
      if (tries++ === 0) await outsideOf(session, () => outside.query(insert(2)))
      return session.empty!(person)
    })
    expect([gone, tries]).toEqual([2, 2])
    expect(named(await storage.tail(0, 10))).toEqual([['insert person 1'], ['insert person 2'], ['empty']])
    expect(await storage.compare(schema)).toEqual([])
  })
})

/** Lets something happen while a statement of the session waits for it, which is no foreign await. */
async function outsideOf(session: Parameters<Parameters<Storage['write']>[1]>[0], work: () => Promise<unknown>) {
  await Promise.all([session.raw('select pg_sleep(0.3)', []), work()])
}
