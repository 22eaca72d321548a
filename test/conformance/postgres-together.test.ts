// Work that asks one statement and ends goes to the server together. What each of them is answered, and what the log has, is
// what it would be had they gone one by one.
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { createPostgresStorage, type Session, type Storage } from '../../src/storage/index.ts'
import { missingServer, newDatabase } from './postgres-database.ts'
import { ample, codeOf, insertPerson, key, names, schema, speak, spoken, sql } from './storage-fixture.ts'
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

/** Transactions of the server, of which several units may share one. */
async function transactions(): Promise<number> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  const { rows } = await client.query('select count(distinct xid)::int as n from monobloc_log')
  await client.end()
  return rows[0].n
}

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
