import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ScopedDb } from '../../src/commit/index.ts'
import type { Row } from '../../src/schema/index.ts'
import { type Data, Note, openUnits, Report, type UnitFixture, User } from './unit-fixture.ts'

// Fields that users never see, and fields that they never set, by every way to them.

let fixture: UnitFixture<Data>
let ann: Row<typeof User>
let note: string

beforeEach(async () => {
  fixture = await openUnits()
  await fixture.write('system', async (db) => {
    ann = await db.insert(User, { name: 'ann', password: 'a-hash', rank: 5 })
    await db.insert(User, { name: 'bob', password: 'b-hash' })
    note = (await db.insert(Note, { title: 'mine', owner: ann.id, code: '1234', mentor: ann.id, score: 7 })).id
  })
})
afterEach(() => fixture.close())

async function codeOf(work: () => Promise<unknown>): Promise<unknown> {
  try {
    return { done: await work() }
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('a write-only field', () => {
  const asked: Record<string, (db: Data) => Promise<unknown>> = {
    'by name': (db) => db.get(User, ann.id, { fields: ['password'] }),
    'in a list': (db) => db.find(User, { fields: ['id', 'password'] }),
    'of the first': (db) => db.first(User, { fields: ['password'] }),
    'in a search': (db) => db.search(Note, 'mine', { fields: ['code'] }),
    'of a related row': (db) => db.get(Note, note, { include: { owner: { fields: ['password'] } } }),
    'of rows on the way back': (db) => db.get(User, ann.id, { include: { notes: { fields: ['code'] } } }),
    'of rows two steps away': (db) =>
      db.get(User, ann.id, { include: { notes: { include: { owner: { fields: ['id', 'password'] } } } } }),
    'as a relation': (db) => db.get(Note, note, { include: { mentor: true } }),
    'as a relation from the other side': (db) => db.get(User, ann.id, { include: { mentored: true } }),
    'as a number of rows': (db) => db.get(User, ann.id, { include: { n: { count: 'mentored' } } }),
    'as there being rows': (db) => db.get(User, ann.id, { include: { n: { exists: 'mentored' } } }),
    'in groups': (db) => db.aggregate(User, { by: ['password'], count: true }),
    'as the least': (db) => db.aggregate(User, { min: ['password'] }),
    'as the greatest': (db) => db.aggregate(User, { max: ['password'] }),
  }
  test.each(Object.entries(asked))('is not told to users: %s', async (_, work) => {
    expect(await codeOf(() => fixture.read(ann, work))).toBe('forbidden')
    expect(await codeOf(() => fixture.write(ann, work))).toBe('forbidden')
  })

  const filtered: Record<string, (db: Data) => Promise<unknown>> = {
    'in a filter': (db) => db.find(User, { where: { password: { startsWith: 'a' } } }),
    'beneath not and or': (db) => db.count(User, { where: { or: [{ not: { password: 'x' } }] } }),
    'of a related row': (db) => db.find(Note, { where: { owner: { password: 'a-hash' } } }),
    'of rows on the way back': (db) => db.find(User, { where: { notes: { some: { code: '1234' } } } }),
    'in the filter of an include': (db) => db.find(User, { include: { notes: { where: { code: '1234' } } } }),
    'in the filter of a number of rows': (db) =>
      db.find(User, { include: { n: { count: 'notes', where: { code: '1' } } } }),
    'as a relation': (db) => db.find(Note, { where: { mentor: ann.id } }),
    'as a relation from the other side': (db) => db.find(User, { where: { mentored: { some: {} } } }),
    'in an update': (db) => db.update(Note, { where: { code: '1234' } }, { title: 'x' }),
    'in a delete': (db) => db.delete(Note, { where: { code: '1234' } }),
    'in an aggregate': (db) => db.aggregate(User, { count: true, where: { password: 'a-hash' } }),
    'to get by': (db) => db.get(User, { password: 'a-hash' }),
  }
  test.each(Object.entries(filtered))('is unknown to filters of users: %s', async (_, work) => {
    expect(await codeOf(() => fixture.write(ann, work))).toBe('call_invalid')
  })

  test('is no order, to anyone', async () => {
    expect(await codeOf(() => fixture.read(ann, (db) => db.find(User, { sort: 'password' })))).toBe('call_invalid')
    const include = { notes: { sort: 'code' } } as const
    expect(await codeOf(() => fixture.read(ann, (db) => db.find(User, { include })))).toBe('call_invalid')
  })

  test('is in no row that a user gets, and in no JSON', async () => {
    const hashes = /hash|1234|password|code|mentor/
    const seen = await fixture.write(ann, async (db) => [
      await db.get(User, ann.id, { include: { notes: true } }),
      await db.find(User),
      await db.find(Note, { include: { owner: true } }),
      await db.update(User, ann.id, { password: 'another hash' }),
      await db.update(Note, note, { code: 'hash' }),
      await db.insert(Note, { title: 'a', owner: ann.id, code: 'hash' }),
      await db.upsert(User, { match: ['name'], insert: { name: 'ann', password: 'hash' } }),
      await db.delete(Note, note),
    ])
    expect(JSON.stringify(seen)).not.toMatch(hashes)
    const texts = await fixture.units.read({ deadline: 1000 }, ann, (db) =>
      ScopedDb.read(db, async (rows) => [
        await rows.getJson(User, ann.id, { include: { notes: true } }),
        (await rows.findJson(User)).json,
        (await rows.findJson(Note, { include: { owner: true } })).json,
      ]),
    )
    expect(texts.join()).not.toMatch(hashes)
    const asked = (work: (rows: any) => unknown) =>
      codeOf(async () => fixture.units.read({ deadline: 1000 }, ann, (db) => ScopedDb.read(db, work as never)))
    expect(await asked((rows) => rows.getJson(User, ann.id, { fields: ['password'] }))).toBe('forbidden')
    expect(await asked((rows) => rows.findJson(User, { fields: ['password'] }))).toBe('forbidden')
    expect(await asked((rows) => rows.findJson(Note, { include: { owner: { fields: ['password'] } } }))).toBe(
      'forbidden',
    )
  })

  test('is in no entry of the log', async () => {
    expect(JSON.stringify(await fixture.log())).not.toMatch(/hash|1234/)
  })

  test('is told to the system where it asks, and nowhere else', async () => {
    const found = await fixture.read(ann, (db) => db.asSystem().get(User, ann.id, { fields: ['name', 'password'] }))
    expect(found).toEqual({ name: 'ann', password: 'a-hash' })
    const mentors = await fixture.read('system', (db) =>
      db.get(Note, note, { include: { mentor: { fields: ['name'] } } }),
    )
    expect(mentors.mentor).toEqual({ name: 'ann' })
    expect(await fixture.read('system', (db) => db.get(User, ann.id))).not.toHaveProperty('password')
    expect(await fixture.read('system', (db) => db.count(User, { where: { password: 'a-hash' } }))).toBe(1)
  })

  test('can be written by users', async () => {
    await fixture.write(ann, (db) => db.update(User, ann.id, { password: 'new' }))
    const found = await fixture.read('system', (db) => db.get(User, ann.id, { fields: ['password'] }))
    expect(found.password).toBe('new')
  })
})

// What was compiled for the system is kept by what was asked for; a user must not come to it by another spelling.
describe('names that are none', () => {
  test.each([
    ['several in one', ['id,password']],
    ['one with an include', ['id+notes(*)']],
    ['every one', ['*']],
    ['links', ['tags']],
    ['a prototype', ['__proto__']],
  ])('are refused before a template is looked for: %s', async (_, fields) => {
    await fixture.read('system', async (db) => {
      await db.get(User, ann.id, { fields: ['id', 'password'] })
      await db.get(User, ann.id, { fields: ['id'], include: { notes: true } })
      await db.aggregate(User, { by: ['id', 'password'], count: true })
    })
    const names = fields as never
    for (const who of [ann, 'system'] as const) {
      expect(await codeOf(() => fixture.read(who, (db) => db.get(User, ann.id, { fields: names })))).toBe(
        'call_invalid',
      )
      expect(await codeOf(() => fixture.read(who, (db) => db.aggregate(User, { by: names, count: true })))).toBe(
        'call_invalid',
      )
      const include = { notes: { fields: names } }
      expect(await codeOf(() => fixture.read(who, (db) => db.get(User, ann.id, { include: include as never })))).toBe(
        'call_invalid',
      )
    }
  })
})

describe('a read-only field', () => {
  const violation = (path: (string | number)[]) => ({
    code: 'validation_failed',
    violations: [{ path, code: 'read_only', message: 'is set by the system' }],
  })
  test('is refused to users, whatever the policy', async () => {
    const write = (work: (db: Data) => Promise<unknown>) => fixture.write(ann, work)
    await expect(write((db) => db.update(User, ann.id, { rank: 9 }))).rejects.toMatchObject(violation(['rank']))
    await expect(write((db) => db.update(User, { where: { id: ann.id } }, { rank: 9 }))).rejects.toMatchObject(
      violation(['rank']),
    )
    await expect(write((db) => db.insert(User, { name: 'x', rank: 9 }))).rejects.toMatchObject(violation(['rank']))
    await expect(write((db) => db.insert(User, [{ name: 'x' }, { name: 'y', rank: 1 }]))).rejects.toMatchObject(
      violation([1, 'rank']),
    )
    await expect(write((db) => db.insert(User, { name: 'x', id: ann.id }))).rejects.toMatchObject(violation(['id']))
    await expect(write((db) => db.update(Note, note, { version: 1 }))).rejects.toMatchObject(violation(['version']))
    await expect(write((db) => db.update(Note, note, { updatedAt: new Date() }))).rejects.toMatchObject(
      violation(['updatedAt']),
    )
    const upsert = { match: ['name'], insert: { name: 'ann' }, update: { rank: 9 } } as const
    await expect(write((db) => db.upsert(User, upsert))).rejects.toMatchObject(violation(['rank']))
  })

  test('is refused beside everything else that is wrong', async () => {
    const input = { name: 1, rank: 9 } as never
    await expect(fixture.write(ann, (db) => db.update(User, ann.id, input))).rejects.toMatchObject({
      violations: [
        { path: ['name'], code: 'invalid_type' },
        { path: ['rank'], code: 'read_only' },
      ],
    })
  })

  test('may be left undefined, and is set by the system', async () => {
    await fixture.write(ann, (db) => db.update(User, ann.id, { rank: undefined, name: 'anna' }))
    const rank = await fixture.write(ann, async (db) => (await db.asSystem().update(User, ann.id, { rank: 9 })).rank)
    expect(rank).toBe(9)
  })

  test('what is computed can be given by nobody', async () => {
    const input = { title: 'a', owner: ann.id, shout: 'b' } as never
    for (const who of [ann, 'system'] as const) {
      expect(await codeOf(() => fixture.write(who, (db) => db.insert(Note, input)))).toBe('call_invalid')
    }
  })

  test('keys that reach for prototypes are unknown fields', async () => {
    for (const text of ['{"__proto__":{"rank":9}}', '{"constructor":{"prototype":{}}}', '{"title":"x","toString":1}']) {
      expect(await codeOf(() => fixture.write(ann, (db) => db.update(Note, note, JSON.parse(text))))).toBe(
        'call_invalid',
      )
    }
    expect(({} as { rank?: number }).rank).toBeUndefined()
  })
})

test('an undefined value is a value that was not given', async () => {
  await fixture.write(ann, (db) => db.update(Note, note, { title: undefined, public: true }))
  const made = await fixture.write(ann, (db) => db.insert(Report, { text: 'a', about: undefined, severity: undefined }))
  expect(made).toEqual({ id: expect.any(String), text: 'a' })
  expect(await fixture.read('system', (db) => db.get(Note, note))).toMatchObject({
    title: 'mine',
    public: true,
    version: 2,
  })
})
