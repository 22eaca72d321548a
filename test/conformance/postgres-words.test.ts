import fc from 'fast-check'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { foldCase, model, Schema, t } from '../../src/schema/index.ts'
import { fitted } from '../../src/storage/postgres/postgres-names.ts'
import { indexedWord } from '../../src/storage/postgres/postgres-search.ts'
import { createPostgresStorage } from '../../src/storage/postgres/postgres-storage.ts'
import type { Storage } from '../../src/storage/storage.ts'
import { newDatabase, type TestDatabase } from './postgres-database.ts'
import { sql, write } from './storage-fixture.ts'

const longName = 'a'.repeat(58)
const Country = model('country', { id: t.serial() })
const Place = model('place', {
  id: t.serial(),
  name: t.text().unique(),
  size: t.integer().default(0).check({ gte: 0 }),
  [longName]: t.integer().default(1).check({ gt: 0 }),
  price: t.decimal(4, 2).nullable(),
  ratio: t.float().nullable(),
  day: t.date().nullable(),
  at: t.timestamp().nullable(),
  within: t.ref(Country).nullable(),
})
const schema = new Schema([Country, Place])

let database: TestDatabase
let storage: Storage
let client: pg.Client
beforeAll(async () => {
  database = await newDatabase()
  storage = createPostgresStorage({ url: database.url })
  await storage.open()
  await storage.apply(schema, await storage.compare(schema))
  client = new pg.Client({ connectionString: database.url })
  await client.connect()
})
afterAll(async () => {
  await client?.end()
  await storage?.close()
  await database?.drop()
})

async function asked<T>(text: string, ...values: unknown[]): Promise<T[]> {
  return (await client.query(text, values)).rows
}

describe('functions of the database', () => {
  test('fold case as code does', async () => {
    const texts = [
      ...fc.sample(fc.string({ unit: 'grapheme', maxLength: 40 }), 500),
      ...fc.sample(fc.string({ unit: 'binary', maxLength: 40 }), 500),
      'ÀÉ Straße ẞ ΣΑΣ ſ K İ 𐐀 Ꭰ ꭰ',
    ].filter((text) => !text.includes('\0'))
    const rows = await asked<{ folded: string }>(
      'select monobloc_fold(text) as folded from unnest($1::text[]) with ordinality as t(text, at) order by at',
      texts,
    )
    expect(rows.map(({ folded }) => folded)).toEqual(texts.map(foldCase))
  })

  test('find the words that a search asks for', async () => {
    const texts = fc.sample(fc.string({ unit: 'grapheme', maxLength: 60 }), 300).filter((text) => !text.includes('\0'))
    for (const text of [...texts, "It's a test: naïve Überflüsse, 日本語テスト; a-b_c.d@e 1e5 ½ ꂘ\u{1d1bc}", '']) {
      const wanted = (text.match(/[\p{L}\p{M}\p{N}]+/gu) ?? []).map(indexedWord).filter((word) => word !== '')
      const [row] = await asked<{ words: string[] }>('select tsvector_to_array(monobloc_words($1)) as words', text)
      expect([text, row!.words.toSorted()]).toEqual([text, [...new Set(wanted)].toSorted()])
    }
  })

  test('hold for texts of any length', async () => {
    const long = Array.from({ length: 60_000 }, (_, at) => `w${at}`).join(' ')
    const [row] = await asked<{ length: number }>('select length(monobloc_words($1)) as length', long)
    expect(row!.length).toBeGreaterThan(20_000)
    await asked('select monobloc_words($1)', 'x'.repeat(1_000_000))
  })
})

describe('what the server refuses', () => {
  const insert = (columns: string, values: string) => `insert into place (${columns}) values (${values})`

  test.each<[string, string, object]>([
    [
      'a value that is taken',
      insert('name', `'twice'), ('twice'`),
      { code: 'unique_violation', subject: 'place', violations: [{ path: ['name'], code: 'taken' }] },
    ],
    [
      'a key that is taken',
      insert('id, name', `1, 'p'), (1, 'q'`),
      { code: 'unique_violation', violations: [{ path: ['id'] }] },
    ],
    ['null', insert('name', 'null'), { code: 'check_violation', violations: [{ path: ['name'], code: 'required' }] }],
    [
      'what a check keeps out',
      insert('name, size', `'a', -1`),
      { code: 'check_violation', subject: 'place', violations: [{ path: ['size'], code: 'check' }] },
    ],
    [
      'what a check of a long name keeps out',
      insert(`name, ${longName}`, `'a', 0`),
      { code: 'check_violation', violations: [{ path: [longName], code: 'check' }] },
    ],
    [
      'a whole number beyond JSON',
      insert('name, size', `'a', 9007199254740992`),
      { code: 'check_violation', violations: [{ path: ['size'], code: 'invalid_type' }] },
    ],
    [
      'infinity',
      insert('name, ratio', `'a', 'infinity'`),
      { code: 'check_violation', violations: [{ path: ['ratio'] }] },
    ],
    ['NaN', insert('name, price', `'a', 'NaN'`), { code: 'check_violation', violations: [{ path: ['price'] }] }],
    [
      'the end of days',
      insert('name, day', `'a', 'infinity'`),
      { code: 'check_violation', violations: [{ path: ['day'] }] },
    ],
    [
      'the end of time',
      insert('name, at', `'a', 'infinity'`),
      { code: 'check_violation', violations: [{ path: ['at'] }] },
    ],
    ['a number out of range', insert('name, price', `'a', 100`), { code: 'check_violation' }],
    ['what is no number', insert('name, size', `'a', 'many'`), { code: 'check_violation' }],
    ['a reference to nothing', insert('name, within', `'a', 99`), { code: 'reference_not_found' }],
    ['a name that is none', 'select * from nothing', { code: 'database_error' }],
  ])('%s', async (_, statement, error) => {
    await expect(write(storage, (session) => session.run(sql(statement), []))).rejects.toMatchObject(error)
  })
})

test('no row of what was refused is in the error, which the log shows', async () => {
  for (const statement of [
    `insert into place (name, size) values ('hush', -1)`,
    `insert into place (name) values ('hush'), ('hush')`,
  ]) {
    const error = await write(storage, (session) => session.run(sql(statement), [])).catch((thrown) => thrown)
    expect(
      JSON.stringify({ ...error, ...error.cause, message: error.message, why: error.cause.message }),
    ).not.toContain('hush')
  }
})

test('a name that is too long stays its own', () => {
  const names = [`${'x'.repeat(70)}a`, `${'x'.repeat(70)}b`, `${'é'.repeat(40)}`]
  const short = names.map(fitted)
  expect(new Set(short).size).toBe(3)
  for (const name of short) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63)
  expect(fitted('short')).toBe('short')
})
