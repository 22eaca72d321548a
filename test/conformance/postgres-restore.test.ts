// A dump that is read into another server brings numbers of transactions along which mean nothing there: those of the log
// must neither be taken for ones that are yet to come, nor keep those that come from being seen.
import { execFileSync } from 'node:child_process'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createPostgresStorage, type Storage } from '../../src/storage/index.ts'
import { programOf, whyNoPostgres } from '../faults/postgres-programs.ts'
import { PostgresServer } from '../faults/postgres-server.ts'
import { insertPerson, key, schema, speak, wholeLog, write } from './storage-fixture.ts'
import { postgresWords } from './storage-postgres-words.ts'

speak(postgresWords)

const missing = whyNoPostgres() ?? (programOf('pg_dump') && programOf('psql') ? undefined : 'pg_dump is not installed')

const insert = (n: number) => `insert into person (id, name) values ('${key(n)}', 'person ${n}')`
const burn = (count: number) =>
  `do $$ begin for at in 1..${count} loop perform pg_current_xact_id(); commit; end loop; end $$`
const isLate = 'select pg_current_xact_id()::text::int as xid'

async function openAt(url: string): Promise<Storage> {
  const storage = createPostgresStorage({ url, connections: 2 })
  await storage.open()
  return storage
}

const said = async (storage: Storage) =>
  (await wholeLog(storage)).map(({ cause, outside, entries }) => [
    outside ? 'outside' : cause,
    ...entries.map(({ operation, row }) => `${operation} ${row.name}`),
  ])

/** What the dump holds: two that have a position, and three that have none yet. */
const dumped = [
  ['first', 'insert person 1'],
  ['outside', 'insert person 2'],
  ['second', 'insert person 3', 'insert person 4'],
  ['outside', 'update changed', 'insert person 5'],
  ['third', 'insert person 6'],
]

function restore(from: string, into: string, ...options: string[]): void {
  const dump = execFileSync(programOf('pg_dump')!, ['--dbname', from, ...options], { maxBuffer: 2 ** 26 })
  const psql = ['--dbname', into, '--quiet', '--no-psqlrc', '--set', 'ON_ERROR_STOP=1']
  execFileSync(programOf('psql')!, psql, { input: dump, stdio: ['pipe', 'ignore', 'inherit'] })
}

describe.skipIf(missing)(`the log of a restored database${missing ? ` (skipped: ${missing})` : ''}`, () => {
  let old: PostgresServer
  let other: PostgresServer
  /** The number of the outside transaction that has no position yet. */
  let late: number

  const running: pg.Client[] = []
  beforeAll(async () => {
    ;[old, other] = await Promise.all([PostgresServer.create(), PostgresServer.create()])
    await old.query(burn(3_000))
    await old.query('create database app')
    const storage = await openAt(old.url('app'))
    await storage.apply(schema, await storage.compare(schema))
    const unit = (cause: string, ...numbers: number[]) =>
      storage.write({ deadline: 30_000, cause }, async (session) => {
        for (const n of numbers) await insertPerson(session, n)
      })
    await unit('first', 1)
    await old.query(insert(2), [], 'app')
    expect(await storage.position()).toBe(2)
    const client = new pg.Client(old.url('app'))
    await client.connect()
    running.push(client)
    await client.query(`begin; ${insert(90)}`)
    await unit('second', 3, 4)
    const program = new pg.Client(old.url('app'))
    await program.connect()
    await program.query(`begin; update person set name = 'changed' where id = '${key(1)}'; ${insert(5)}; commit`)
    await program.end()
    const rows = await old.query<{ xid: string }>(
      'select xid from monobloc_log order by sequence desc limit 1',
      [],
      'app',
    )
    late = Number(rows[0]!.xid)
    await unit('third', 6)
    await storage.close()
    // Two servers are made and started.
  }, 180_000)
  afterAll(async () => {
    await Promise.all(running.map((client) => client.end().catch(() => {})))
    await Promise.all([old?.kill(), other?.kill()])
  })

  test('goes on where the dump ended, whatever numbers its new server gives', async () => {
    for (const name of ['early', 'clash']) await other.query(`create database ${name}`)
    restore(old.url('app'), other.url('early'))
    restore(old.url('app'), other.url('clash'), '--inserts')
    const early = await openAt(other.url('early'))
    await write(early, (session) => insertPerson(session, 7))
    expect(await said(early)).toEqual([...dumped, [null, 'insert person 7']])
    expect(await early.compare(schema)).toEqual([])

    // The next number in the other server is the one that an old transaction without a position has.
    const [{ xid }] = (await other.query<{ xid: number }>(isLate)) as [{ xid: number }]
    expect(xid).toBeLessThan(late - 1)
    await other.query(burn(late - xid - 1))
    await other.query(insert(8), [], 'clash')
    const rows = await other.query('select distinct xid from monobloc_log where xid::text::int = $1', [late], 'clash')
    expect(rows).toHaveLength(1)
    const clash = await openAt(other.url('clash'))
    expect(await said(clash)).toEqual([...dumped, ['outside', 'insert person 8']])

    await other.query(burn(200))
    for (const storage of [early, clash]) {
      await write(storage, (session) => insertPerson(session, 9))
      expect((await said(storage)).slice(dumped.length + 1)).toEqual([[null, 'insert person 9']])
      await storage.close()
    }
  })

  test('goes on in the same server, restored or copied', async () => {
    await old.query('create database restored')
    restore(old.url('app'), old.url('restored'))
    const restored = await openAt(old.url('restored'))
    await write(restored, (session) => insertPerson(session, 7))
    expect(await said(restored)).toEqual([...dumped, [null, 'insert person 7']])
    await restored.close()

    // It drew its number before those that nobody had given a position yet.
    const all = [...dumped.slice(0, 2), ['outside', 'insert person 90'], ...dumped.slice(2)]
    await running[0]!.query('commit')
    await running[0]!.end()
    await old.query('create database copied template app')
    const copied = await openAt(old.url('copied'))
    expect(await said(copied)).toEqual(all)
    await write(copied, (session) => insertPerson(session, 7))
    expect((await said(copied)).at(-1)).toEqual([null, 'insert person 7'])
    await copied.close()
    const original = await openAt(old.url('app'))
    expect(await said(original)).toEqual(all)
    await original.close()
  })
})
