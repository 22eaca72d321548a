import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import pg from 'pg'
import { expect, test } from 'vitest'
import { appSource, Child, command, folderWith } from '../api/child-app.ts'
import { missingServer, newDatabase } from '../conformance/postgres-database.ts'

const app = (fields: string) =>
  appSource(
    'list',
    "seed: (db) => db.insert(Note, [{ text: 'one' }])",
    `const Note = model('note', { id: t.serial(), ${fields} })
  const { endpoint: dataEndpoint, policy } = define({ models: { Note } })
  policy(Note, { anyone: { read: true, create: true } })
  const list = dataEndpoint('GET /notes', { anyone: true, handle: ({ db }) => db.find(Note) })
  const add = dataEndpoint('POST /notes', { anyone: true, handle: ({ db }) => db.insert(Note, { text: 'more' }) })`,
  ).replace('serve: [list', 'serve: [list, add')

const missing = missingServer()

test('nodes that start at once on an empty database: one makes and fills it, all serve, and versions roll', {
  timeout: 240_000,
}, async ({ skip }) => {
  skip(missing !== undefined, missing)
  const database = await newDatabase()
  const folder = folderWith({
    'app.ts': app('text: t.text()'),
    'next.ts': app('text: t.text(), more: t.text().nullable()'),
  })
  const start = (file: string) =>
    new Child([command, 'start', file], {
      folder,
      env: {
        PORT: '0',
        DATABASE_URL: database.url,
        NODE_ENV: 'production',
        MONOBLOC_SECRET: 'k3Xw9vQ1zB7nM5cR8tY2uI4oP6aS0dF-',
      },
    })
  const get = async (node: Child) => (await fetch(`${await node.url()}/notes`)).json()
  const plan = (file: string, name: string) =>
    new Child([command, 'migrate', 'plan', file, '--name', name], { folder, env: { DATABASE_URL: database.url } }).exit
  const apply = (file: string) =>
    new Child([command, 'migrate', 'apply', file], { folder, env: { DATABASE_URL: database.url } }).exit
  expect((await plan('app.ts', 'initial')).code).toBe(0)
  const nodes = Array.from({ length: 5 }, () => start('app.ts'))
  for (const node of nodes) expect(await get(node)).toEqual([{ id: 1, text: 'one' }])
  const [old, ...others] = nodes as [Child, ...Child[]]
  for (const node of others) node.process.kill('SIGTERM')
  for (const node of others) await node.exit

  expect((await plan('next.ts', 'more')).code).toBe(0)
  const early = start('next.ts')
  expect((await early.exit).code).toBe(78)
  expect(early.err).toContain('0002-more')
  expect((await apply('next.ts')).code).toBe(0)
  const next = start('next.ts')
  expect(await get(next)).toEqual([{ id: 1, text: 'one', more: null }])
  const written = await fetch(`${await old.url()}/notes`, { method: 'POST' })
  expect(await written.json()).toMatchObject({ id: 2, text: 'more' })
  expect(await get(next)).toHaveLength(2)

  // The old version has its own files only, and starts once more.
  const file = path.join(folder, 'migrations/postgresql/0002-more.sql')
  const text = readFileSync(file, 'utf8')
  rmSync(file)
  const again = start('app.ts')
  expect(await get(again)).toHaveLength(2)
  expect(again.text).toContain('0002-more')

  const client = new pg.Client(database.url)
  await client.connect()
  await client.query('alter table note rename column text to words')
  await client.end()
  const broken = start('app.ts')
  expect((await broken.exit).code).toBe(78)
  expect(broken.err).toContain('newer than this app')
  writeFileSync(file, text)
  const drifted = start('next.ts')
  expect((await drifted.exit).code).toBe(78)
  expect(drifted.err).toContain('note.text')
  await database.drop()
})
