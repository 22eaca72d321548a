// Work that asks one statement and ends goes to the server together. What each of them is answered, and what the log has, is
// what it would be had they gone one by one.
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  createPostgresStorage,
  documentOf,
  Queries,
  type Session,
  type Statement,
  type Storage,
} from '../../src/storage/index.ts'
import { unitsOf } from '../../src/storage/postgres/postgres-commit-rows.ts'
import { missingServer, newDatabase } from './postgres-database.ts'
import { ample, codeOf, insertPerson, key, Label, names, schema, speak, spoken, sql } from './storage-fixture.ts'
import { postgresWords } from './storage-postgres-words.ts'

speak(postgresWords)
const missing = missingServer()

let storage: Storage
let url: string
let drop: () => Promise<unknown>

const label = 'POST /people'
const add = (n: number, name?: string) =>
  storage.write({ deadline: ample, label, cause: `${n}` }, (session) => insertPerson(session, n, name))
const settled = <T>(works: Promise<T>[]) => Promise.all(works.map((work) => codeOf(work)))

async function outside(text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query(text)
  await client.end()
  return rows
}

/** Transactions of the server, of which several units may share one. */
async function transactions(): Promise<number> {
  return (await outside('select count(distinct xid)::int as n from monobloc_log'))[0]!.n as number
}

/** Rows of the log that say whose the entries are. */
async function unitRows(): Promise<number> {
  return (await outside('select count(*)::int as n from monobloc_log where operation = 5'))[0]!.n as number
}

const places = (rows: number) => Array.from({ length: rows }, (_, at) => `($${2 * at + 1}, $${2 * at + 2})`).join()
const insertOf = (rows: number): Statement => ({
  sql: `insert into person (id, name) values ${places(rows)} returning id, name`,
  reach: 'bounded',
})
const inserts = new Map([2, 4, 8, 16, 32].map((rows) => [rows, insertOf(rows)]))
const insert = { ...insertOf(1), together: { table: 'person', of: (rows: number) => inserts.get(rows)! } }

/** By a statement of which several are one. */
const put = (n: number, name = `person ${n}`) =>
  storage.write({ deadline: ample, label, cause: `${n}` }, (session) => session.cells(insert, [key(n), name]))
const numbers = (count: number) => Array.from({ length: count }, (_, at) => 100 + at)

async function causes(): Promise<(string | null)[]> {
  return (await storage.tail(0, 1000)).map(({ cause }) => cause)
}

describe.skipIf(missing)(`work of one statement${missing ? ` (skipped: ${missing})` : ''}`, () => {
  beforeEach(async () => {
    const prepare = async (url: string) => {
      const empty = createPostgresStorage({ url, connections: 1 })
      await empty.open()
      await empty.apply(schema, await empty.compare(schema))
      await empty.close()
    }
    ;({ url, drop } = await newDatabase({ key: schema, prepare }))
    storage = createPostgresStorage({ url, connections: 4 })
    await storage.open()
    // So often that it is known to be brief.
    for (let n = 0; n < 10; n++) await add(n)
  })
  afterEach(async () => {
    await storage.close()
    await drop()
  })

  test('shares a transaction, and each is one of its own in the log', async () => {
    const before = await transactions()
    await Promise.all(Array.from({ length: 40 }, (_, n) => add(100 + n)))
    expect((await transactions()) - before).toBeLessThan(10)
    const log = await storage.tail(0, 1000)
    expect(log.map(({ position }) => position)).toEqual(Array.from({ length: 50 }, (_, at) => at + 1))
    for (const { cause, entries } of log)
      expect(entries).toMatchObject([{ operation: 'insert', key: { id: key(Number(cause)) } }])
  })

  test('that fails takes nobody along', async () => {
    const codes = await settled(Array.from({ length: 20 }, (_, n) => add(100 + n, n % 7 === 3 ? 'twice' : undefined)))
    expect(codes.filter((code) => code === 'unique_violation')).toHaveLength(2)
    expect(codes.filter((code) => code === 'no error')).toHaveLength(18)
    expect(await names(storage)).toHaveLength(28)
    expect(await causes()).toHaveLength(28)
  })

  test('that asks for more after all is done whole, among the others and in the log', async () => {
    const more = storage.write({ deadline: ample, label, cause: 'more' }, async (session) => {
      await insertPerson(session, 500)
      await insertPerson(session, 501)
    })
    const nested = storage.write({ deadline: ample, label, cause: 'nested' }, (session) =>
      session.savepoint(() => insertPerson(session, 502)),
    )
    await Promise.all([...Array.from({ length: 10 }, (_, n) => add(100 + n)), more, nested, add(200)])
    const log = await storage.tail(10, 1000)
    expect(log).toHaveLength(13)
    const keysOf = (cause: string) => log.find((one) => one.cause === cause)!.entries.map(({ key }) => key.id)
    expect(keysOf('more')).toEqual([key(500), key(501)])
    expect(keysOf('nested')).toEqual([key(502)])
  })

  test('that throws after its statement leaves nothing behind', async () => {
    const throwing = storage.write({ deadline: ample, label }, async (session) => {
      await insertPerson(session, 500)
      throw new Error('after all')
    })
    const caught = throwing.catch((error: Error) => error.message)
    await Promise.all(Array.from({ length: 10 }, (_, n) => add(100 + n)))
    expect(await caught).toBe('after all')
    expect(await names(storage)).toHaveLength(20)
  })

  test('that waits for anything else is refused, and so is what it left', async () => {
    const waiting = storage.write({ deadline: ample, label }, async (session) => {
      await insertPerson(session, 500)
      await new Promise((resolve) => setTimeout(resolve, 1))
    })
    const code = codeOf(waiting)
    await Promise.all(Array.from({ length: 10 }, (_, n) => add(100 + n)))
    expect(await code).toBe('foreign_await')
    expect(await names(storage)).toHaveLength(20)
  })

  test('that takes long after all holds up neither its like nor others', async () => {
    const text = 'update person set name = name || (select left(pg_sleep(?)::text, 0)) where id = ?'
    const slow = (seconds: number) =>
      storage.write({ deadline: ample, label: 'slow' }, (session) => session.run(sql(text), [seconds, key(1)]))
    for (let n = 0; n < 10; n++) await slow(0)
    const ended: string[] = []
    const late = slow(2).then(() => ended.push('slow'))
    await new Promise((resolve) => setTimeout(resolve, 2))
    const quick = add(200)
    const other = storage.write({ deadline: ample }, async (session) => {
      await insertPerson(session, 300)
      await insertPerson(session, 301)
    })
    await Promise.all([quick, other])
    ended.push('quick')
    await late
    expect(ended).toEqual(['quick', 'slow'])
  })

  describe('which inserts', () => {
    test('is inserted by few statements and has few rows in the log: each is answered its own', async () => {
      const before = await unitRows()
      expect(await Promise.all(numbers(47).map((n) => put(n)))).toEqual(numbers(47).map((n) => [key(n), `person ${n}`]))
      expect((await unitRows()) - before).toBeLessThan(20)
      const log = await storage.tail(10, 1000)
      expect(log.map(({ cause }) => Number(cause)).sort((one, other) => one - other)).toEqual(numbers(47))
      for (const { cause, entries } of log)
        expect(entries).toMatchObject([{ operation: 'insert', key: { id: key(Number(cause)) } }])
    })

    test('is made of what a model inserts: a serial key, and a document for the answer', async () => {
      // Its name says that it is ours, so that it keeps nobody apart.
      await outside(`create sequence statements;
        create function counted() returns trigger language plpgsql as $$ begin perform nextval('statements'); return null; end $$;
        create trigger monobloc_counted before insert on label for each statement execute function counted()`)
      const queries = new Queries(storage.dialect, schema)
      const label = (n: number) =>
        storage.write({ deadline: ample, label: 'POST /labels' }, (session) =>
          queries.insert(session, Label, { name: `label ${n}` }, { document: true }),
        )
      for (let n = 0; n < 10; n++) await label(n)
      const rows = await Promise.all(numbers(31).map(label))
      expect(rows.map(({ name }) => name)).toEqual(numbers(31).map((n) => `label ${n}`))
      expect(rows.map((row) => JSON.parse(documentOf(row)!))).toEqual(rows)
      expect(new Set(rows.map(({ id }) => id)).size).toBe(31)
      const [{ n: statements }] = (await outside(`select last_value::int as n from statements`)) as [{ n: number }]
      expect(statements - 10).toBeLessThan(16)
    })

    test('fails alone where it would have failed alone', async () => {
      const names = numbers(20).map((n) => (n % 7 === 3 ? 'twice' : `person ${n}`))
      const codes = await settled(numbers(20).map((n, at) => put(n, names[at])))
      expect(codes.filter((code) => code === 'unique_violation')).toHaveLength(2)
      expect(codes.filter((code) => code === 'no error')).toHaveLength(18)
      expect(await causes()).toHaveLength(28)
    })

    test('goes each for itself where a trigger of somebody else logs more', async () => {
      await outside(`create function also() returns trigger language plpgsql as $$ begin
        if new.name like '%3' then insert into label (name) values (new.name); end if; return null; end $$;
        create trigger also after insert on person for each row execute function also()`)
      for (let time = 0; time < 2; time++) await Promise.all(numbers(20).map((n) => put(100 * time + n)))
      const log = await storage.tail(10, 1000)
      expect(log).toHaveLength(40)
      for (const { cause, entries } of log)
        expect(entries.map(({ row }) => row.name)).toEqual(Array(cause!.endsWith('3') ? 2 : 1).fill(`person ${cause}`))
    })

    test('is told apart from what a trigger of somebody else leaves out', async () => {
      await outside(`create function never() returns trigger language plpgsql as $$ begin
        if new.name like '%3' then return null; end if; return new; end $$;
        create trigger never before insert on person for each row execute function never()`)
      const answers = await Promise.all(numbers(20).map((n) => put(n)))
      expect(answers).toEqual(numbers(20).map((n) => (n % 10 === 3 ? undefined : [key(n), `person ${n}`])))
    })

    test('is known by its name to who asks what became of it', async () => {
      await Promise.all(numbers(20).map((n) => put(n)))
      const shared = await outside('select xid::text from monobloc_log group by xid having count(*) > 4')
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      const { rows } = await client.query({ text: unitsOf.sql, values: [shared[0]!.xid], rowMode: 'array' })
      const { rows: entries } = await client.query('select from monobloc_log where xid = $1::xid8 and operation <> 5', [
        shared[0]!.xid,
      ])
      await client.end()
      expect(new Set(rows.flat()).size).toBe(entries.length)
      expect(rows.flat()).not.toContain(null)
    })
  })

  test('that met a change of somebody else sees it the next time', async () => {
    const count = (session: Session) =>
      session.run(sql('update person set name = name || ? where id = ?'), ['x', key(1)]) as Promise<number>
    const grow = () => storage.write({ deadline: ample, label: 'grow' }, count)
    for (let n = 0; n < 10; n++) await grow()
    const other = createPostgresStorage({ url, connections: 2 })
    await other.open()
    try {
      const elsewhere = Array.from({ length: 10 }, () => other.write({ deadline: ample }, count))
      await Promise.all([...Array.from({ length: 20 }, grow), ...elsewhere])
    } finally {
      await other.close()
    }
    const name = await storage.read({ deadline: ample }, (session) =>
      session.value({ sql: spoken('select name from person where id = ?'), reach: 'bounded' }, [key(1)]),
    )
    expect((name as string).match(/x*$/)![0]).toHaveLength(40)
  })
})
