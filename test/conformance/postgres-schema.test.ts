import pg from 'pg'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type AnyModel, model, Schema, t } from '../../src/schema/index.ts'
import { createPostgresStorage, type Storage } from '../../src/storage/index.ts'
import { newDatabase, type TestDatabase } from './postgres-database.ts'

const Owner = model('owner', { id: t.id(), name: t.text().unique() })
const Note = model(
  'note',
  {
    id: t.serial(),
    title: t.text().default("it's"),
    price: t.decimal(8, 2).default('1.50').check({ gte: 0 }),
    done: t.boolean().default(false),
    at: t.timestamp().nullable(),
    data: t.json().default({ b: 1, a: [1, "it's"] }),
    raw: t.bytes().nullable(),
    owner: t.ref(Owner).nullable().onDelete('set null'),
  },
  {
    indexes: [
      ['owner', 'at'],
      { fields: ['data.a[0]'], unique: true, where: { done: false } },
      { fields: ['title'], where: { or: [{ price: { gt: 5 } }, { title: { in: ['a', "b'c"] } }] } },
    ],
    checks: { sane: { or: [{ done: true }, { data: { path: { a: { length: { gte: 1 } } } } }] } },
    search: ['title'],
  },
)
const schema = new Schema([Note, Owner])

let database: TestDatabase
let client: pg.Client
const opened: Storage[] = []
beforeEach(async () => {
  database = await newDatabase()
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
})
afterEach(async () => {
  for (const storage of opened.splice(0)) await storage.close()
  await client.end()
  await database.drop()
})

async function openStorage(url = database.url): Promise<Storage> {
  const storage = createPostgresStorage({ url })
  opened.push(storage)
  await storage.open()
  return storage
}

async function filled(of = schema): Promise<Storage> {
  const storage = await openStorage()
  await storage.apply(of, await storage.compare(of))
  return storage
}

const words = async (storage: Storage, of = schema) => (await storage.compare(of)).map(({ description }) => description)

test('nodes that start together make the tables once', async () => {
  const nodes = await Promise.all(Array.from({ length: 4 }, () => openStorage()))
  const found = await Promise.all(nodes.map((node) => node.compare(schema)))
  expect(found.every((changes) => changes.length === 2)).toBe(true)
  await Promise.all(nodes.map((node, at) => node.apply(schema, found[at]!)))
  for (const node of nodes) expect(await node.compare(schema)).toEqual([])
})

test('a table is found right again by how the server understands it, not by how it was said', async () => {
  const storage = await filled()
  await client.query("delete from monobloc_meta where name like 'form %'")
  expect(await words(storage)).toEqual([])
  await client.query('alter table note drop constraint "note.done,data:sane"')
  await client.query(`alter table note add constraint "note.done,data:sane" check ((((done = true))
    OR ((case when jsonb_typeof(nullif(data->'a', 'null')) = 'array' then jsonb_array_length(nullif(data->'a', 'null'))::int8 end) >= 1)) is true)`)
  expect(await words(storage)).toEqual([])
})

test.each<[string, string, RegExp, boolean]>([
  [
    'a constraint is gone',
    'alter table note drop constraint "note.price:note_price_check"',
    /constraint .* is missing/,
    false,
  ],
  [
    'a constraint is another',
    'alter table note drop constraint "note.price:note_price_check", add constraint "note.price:note_price_check" check (price > 1)',
    /constraint .* is another/,
    false,
  ],
  ['a default is another', `alter table note alter title set default 'x'`, /default of note.title/, false],
  ['a column may be null', 'alter table note alter title drop not null', /column note.title is nullable/, false],
  [
    'a type is another',
    'alter table note alter price type numeric(9,2)',
    /note.price is numeric\(9,2\), not numeric\(8,2\)/,
    false,
  ],
  [
    'a collation is another',
    'alter table owner alter name type text collate "default"',
    /owner.name has another collation/,
    false,
  ],
  [
    'a reference is another',
    'alter table note drop constraint "note.owner:reference"',
    /note.owner refers to nothing/,
    false,
  ],
  ['an index is gone', 'drop index "note-owner-at-index"', /^create index note-owner-at-index$/, true],
  [
    'an index is another',
    'drop index "note-owner-at-index"; create index "note-owner-at-index" on note (owner)',
    /^build index note-owner-at-index anew$/,
    true,
  ],
  [
    'the full-text index is gone',
    'alter table note drop column "monobloc-search"',
    /^build the full-text index of note$/,
    true,
  ],
  ['a trigger is gone', 'drop trigger monobloc_log_update on note', /^log changes of note$/, true],
  ['a trigger is switched off', 'alter table note disable trigger monobloc_log_insert', /^log changes of note$/, true],
])('%s', async (_, change, description, safe) => {
  const storage = await filled()
  await client.query(change)
  const found = await storage.compare(schema)
  expect(found).toMatchObject([{ safe, description: expect.stringMatching(description) }])
  if (!safe) return
  await storage.apply(schema, found)
  expect(await words(storage)).toEqual([])
})

test('names are their own however long, and words of SQL are names', async () => {
  const long = (letter: string) => letter.repeat(58)
  const Long: AnyModel = model(
    long('m'),
    {
      id: t.id(),
      [long('a')]: t.integer().check({ gt: 0 }),
      [`${long('a').slice(1)}b`]: t.integer().check({ gt: 0 }),
    } as never,
    { indexes: [[long('a')], [long('a'), `${long('a').slice(1)}b`]], search: [] } as never,
  )
  const Select = model(
    'select',
    { id: t.serial(), order: t.text(), group: t.integer(), Table: t.text().nullable() },
    { indexes: [['order', 'group']], search: ['order', 'Table'], checks: { table: { group: { gt: 0 } } } },
  )
  const of = new Schema([Long, Select])
  const storage = await filled(of)
  expect(await words(storage, of)).toEqual([])
  await client.query("delete from monobloc_meta where name like 'form %'")
  expect(await words(storage, of)).toEqual([])
})

test('tables stand in the first schema of the search path, whatever it is called', async () => {
  await client.query('create schema "Press Room"')
  const url = new URL(database.url)
  url.searchParams.set('options', '-c search_path="Press\\ Room"')
  const storage = await openStorage(url.href)
  await storage.apply(schema, await storage.compare(schema))
  expect(await words(storage)).toEqual([])
  const { rows } = await client.query(
    "select nspname from pg_class c join pg_namespace n on n.oid = relnamespace where relname = 'note'",
  )
  expect(rows).toEqual([{ nspname: 'Press Room' }])
})
