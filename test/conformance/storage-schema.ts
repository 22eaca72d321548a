import { describe, expect, test } from 'vitest'
import { model, Schema, t } from '../../src/schema/index.ts'
import { changes, codeOf, type OpenStorage, raw, rows, sql, words, write } from './storage-fixture.ts'

const first = () =>
  model('thing', { id: t.serial(), name: t.text(), size: t.integer().nullable(), tags: t.json().nullable() })
const original = new Schema([first()])

function changed(shape: Record<string, unknown>, options: object = {}): Schema {
  return new Schema([model('thing', { ...first().shape, ...shape } as ReturnType<typeof first>['shape'], options)])
}

/** A thing with a name that another has too. */
const twins = "insert into thing (name, size) values ('a', 1), ('a', 2)"
const single = "insert into thing (name, size) values ('a', 1)"

export function exerciseSchema(open: OpenStorage): void {
  describe('the schema', () => {
    test('of an empty database is all there to be made, and then matches', async () => {
      const { storage } = await open({}, new Schema([]))
      const found = await storage.compare(original)
      expect(found).toMatchObject([{ safe: true, description: 'create table thing' }])
      await storage.apply(original, found)
      expect(await storage.compare(original)).toEqual([])
    })

    test.each<[string, Schema, string, RegExp]>([
      ['a nullable column', changed({ note: t.text().nullable() }), twins, /^add column thing\.note$/],
      ['a column with a default', changed({ kind: t.enum('a', 'b').default('b') }), twins, /^add column thing\.kind$/],
      [
        'a nullable column with a check',
        changed({ rank: t.integer().nullable().check({ gte: 5 }) }),
        twins,
        /^add column thing\.rank$/,
      ],
      ['an index', changed({}, { indexes: [['name', 'size']] }), twins, /^create index thing-name-size-index$/],
      ['an index inside a document', changed({}, { indexes: [{ fields: ['tags.a.b'] }] }), twins, /^create index/],
      [
        'a partial index',
        changed({}, { indexes: [{ fields: ['name'], where: { size: { gt: 1 } } }] }),
        twins,
        /^create index/,
      ],
      [
        'a unique index that no row breaks',
        changed({ name: t.text().unique() }),
        single,
        /^create unique index thing-name-unique$/,
      ],
      [
        'a unique index over the rows that it is for',
        changed({}, { indexes: [{ fields: ['name'], unique: true, where: { size: 1 } }] }),
        twins,
        /^create unique/,
      ],
      ['a full-text index', changed({}, { search: ['name'] }), twins, /^build the full-text index of thing$/],
    ])('takes %s', async (_, next, sqlBefore, description) => {
      const { storage } = await open({}, original)
      await write(storage, (session) => raw(session, sqlBefore, []))
      const found = await storage.compare(next)
      expect(found.filter((change) => !change.safe)).toEqual([])
      expect(found.map((change) => change.description)).toContainEqual(expect.stringMatching(description))
      await storage.apply(next, found)
      expect(await storage.compare(next)).toEqual([])
      expect(
        await write(storage, (session) => session.run(sql("insert into thing (name, size) values ('z', 9)"), [])),
      ).toBe(1)
    })

    test.each<[string, Schema, RegExp]>([
      [
        'a column without a value for old rows',
        changed({ note: t.text() }),
        /add column thing\.note, which old rows have no value for/,
      ],
      ['another type', changed({ size: t.text().nullable() }), words.typeNames],
      ['a column that may not be null any more', changed({ size: t.integer() }), /column thing\.size is nullable/],
      ['a column that may be null now', changed({ name: t.text().nullable() }), /column thing\.name is not nullable/],
      ['another default', changed({ size: t.integer().nullable().default(3) }), /default of thing\.size/],
      [
        'a check over old columns',
        changed({ size: t.integer().nullable().check({ gt: 0 }) }),
        /constraint .*thing_size_check is missing/,
      ],
      [
        'a unique index that rows break',
        changed({ name: t.text().unique() }),
        /unique index thing-name-unique, though rows are equal/,
      ],
      [
        'a column that the model lost',
        new Schema([model('thing', { id: t.serial(), name: t.text() })]),
        /column thing\.size is not in the model/,
      ],
    ])('refuses %s', async (_, next, description) => {
      const { storage } = await open({}, original)
      await write(storage, (session) => raw(session, twins, []))
      const found = await storage.compare(next)
      const unsafe = found.filter((change) => !change.safe)
      expect(unsafe.map((change) => change.description)).toContainEqual(expect.stringMatching(description))
      expect(unsafe.flatMap((change) => change.sql)).toEqual([])
      expect(await codeOf(storage.apply(next, found))).toBe('schema_differs')
      expect(await storage.compare(original)).toEqual([])
    })

    test('is changed as a whole or not at all', async () => {
      const { storage } = await open({}, original)
      const next = changed({ note: t.text().nullable() }, { indexes: [['name']] })
      const found = await storage.compare(next)
      const broken = [...found, { safe: true, description: 'what can not be', sql: ['create table thing (id)'] }]
      expect(await codeOf(storage.apply(next, broken))).toBe('database_error')
      expect(await storage.compare(original)).toEqual([])
      expect(await storage.compare(next)).toEqual(found)
    })

    test('leaves old entries of the log readable', async () => {
      const { storage } = await open({}, original)
      await write(storage, (session) => raw(session, single, []))
      const next = changed({ note: t.text().nullable().default('new') })
      await storage.apply(next, await storage.compare(next))
      await write(storage, (session) => raw(session, "update thing set name = 'b'", []))
      expect(await changes(storage)).toMatchObject([
        { row: { id: 1, name: 'a', size: 1, tags: null } },
        { row: { id: 1, name: 'b', size: 1, tags: null, note: 'new' }, previous: { name: 'a' } },
      ])
    })

    test('finds rows that were there before the full-text index', async () => {
      const { storage } = await open({}, original)
      await write(storage, (session) => raw(session, "insert into thing (name) values ('Crème brûlée'), ('bread')", []))
      const next = changed({}, { search: ['name'] })
      await storage.apply(next, await storage.compare(next))
      const found = () => rows(storage, words.searched, ['creme'])
      expect(await found()).toEqual([{ id: 1 }])
      await write(storage, (session) => raw(session, "update thing set name = 'bread' where id = 1", []))
      expect(await found()).toEqual([])
      await storage.apply(original, await storage.compare(original))
      expect(await storage.compare(original)).toEqual([])
    })
  })
}
