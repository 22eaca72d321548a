import { backend, define, model, t } from 'monobloc'
import pg from 'pg'
import { expect, onTestFinished, test } from 'vitest'
import { Child, folderWith } from '../../test/api/child-app.ts'
import { newDatabase } from '../../test/conformance/postgres-database.ts'
import { copyPrefix } from '../storage/index.ts'
import { testBackend } from './index.ts'

// What is so on PostgreSQL alone; that a test backend does the same there is in test-backend.test.ts.

const Note = model('note', { id: t.id(), title: t.text() })
const data = define({ models: { Note } })
data.policy(Note, { anyone: { read: true, create: true } })
const app = backend({
  name: 'notes',
  serve: [data.resource(Note, { at: '/notes' })],
  seed: async (db) => void (await db.insert(Note, { title: 'seeded' })),
})

async function server() {
  const { url, drop } = await newDatabase()
  onTestFinished(drop)
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  onTestFinished(() => client.end())
  const ask = async (sql: string) => (await client.query(sql)).rows
  const exists = async (name: string) => (await ask(`select 1 from pg_database where datname = '${name}'`)).length > 0
  return { url, ask, exists }
}

test('each has a database beside the one that is named, which is left as it is, and drops it', async () => {
  const { url, ask } = await server()
  // Of this process; others test on the same server.
  const mine = async () => {
    const rows = await ask(
      `select datname as name from pg_database where datname ~ '^monobloc_test_\\w+_${process.pid}_[^_]+_[^_]+$'`,
    )
    return rows.map(({ name }) => name as string)
  }
  const seen = new Set<string>()
  for (let round = 0; round < 3; round++) {
    await using it = await testBackend(app, { database: url })
    expect(await it.post('/notes', { title: 'one' })).toMatchObject({ status: 201 })
    expect((await it.get('/notes?sort=title&fields=title')).body).toEqual([{ title: 'one' }, { title: 'seeded' }])
    expect(await it.written(Note)).toMatchObject([{ operation: 'insert', row: { title: 'one' } }])
    const names = await mine()
    expect(names).toHaveLength(2)
    for (const name of names) seen.add(name)
  }
  // The prepared one, and one a round.
  expect(seen.size).toBe(4)
  expect(await mine()).toHaveLength(1)
  expect(await ask(`select count(*)::int as n from pg_tables where schemaname = 'public'`)).toEqual([{ n: 0 }])
})

test('what a process has left that is gone is dropped, and what a running one has is not', async () => {
  const { url, ask, exists } = await server()
  const dead = new Child(['-e', ''], { folder: folderWith({}) })
  await dead.exit
  const left = `${copyPrefix(dead.process.pid!, Date.now())}_0`
  const running = `${copyPrefix(process.pid, Date.now())}_other`
  for (const name of [left, running]) await ask(`create database ${name} template template0`)
  onTestFinished(async () => void (await ask(`drop database if exists ${running}`)))
  await (await testBackend(app, { database: url })).stop()
  expect([await exists(left), await exists(running)]).toEqual([false, true])
})

test('says what is wrong with the server', async () => {
  const wrong = testBackend(app, { database: 'postgres://127.0.0.1:1/none' })
  await expect(wrong).rejects.toMatchObject({ code: 'database_unavailable' })
})
