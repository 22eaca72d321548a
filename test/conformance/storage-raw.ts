import { describe, expect, test } from 'vitest'
import { ample, codeOf, insertPerson, key, names, type OpenStorage, rows, write } from './storage-fixture.ts'

const refused = [
  'begin',
  'BEGIN IMMEDIATE',
  'commit',
  ' /* a */ end -- b',
  'rollback',
  'rollback to member',
  'savepoint mine',
  'release member',
  "attach 'x' as y",
  'detach main',
  'pragma foreign_keys = off',
  'vacuum',
  "vacuum into 'x'",
  'analyze',
  'reindex',
  'create table t (a)',
  'create temp table t (a)',
  'drop table person',
  'alter table person rename to human',
  "insert or rollback into label (name) values ('x')",
  "update or /* hidden */ rollback label set name = 'x'",
  "INSERT OR\nROLLBACK INTO label (name) VALUES ('x')",
  "insert into label (name) values ('x'); insert into label (name) values ('y')",
  "select ';' ; commit",
  "select $a(') ; commit --')",
  'insert into monobloc_log (shape, operation, row) values (1, 2, 3)',
  'insert into "monobloc_commit" select * from monobloc_commit',
  'delete from [monobloc_log]',
  'update main.monobloc_meta set value = 2',
  'with x as (select 1) delete from monobloc_log',
  "replace into `monobloc_search_post` (rowid, title) values (1, 'x')",
  '',
  ' -- nothing',
  "select load_extension('x')",
]

export function exerciseRaw(open: OpenStorage): void {
  describe('raw SQL', () => {
    test('gives rows, how many changed, and the last id', async () => {
      const { storage } = await open()
      const results = await write(storage, async (session) => [
        await session.raw("insert into label (name) values ('a'), ('b')", []),
        await session.raw('insert into label (name) values (?) returning id, name', ['c']),
        await session.raw('update label set name = name where id > ?', [1]),
        await session.raw('select count(*) as n from label', []),
      ])
      expect(results.map(({ rows: found, changes }) => [found.map((row) => ({ ...row })), changes])).toEqual([
        [[], 2],
        [[{ id: 3, name: 'c' }], 1],
        [[], 2],
        [[{ n: 3 }], expect.any(Number)],
      ])
      expect(results.map(({ lastId }) => lastId).slice(0, 2)).toEqual([2, 3])
    })

    test('binds what code has', async () => {
      const { storage } = await open()
      const { rows: found } = await write(storage, (session) =>
        session.raw('select ? as yes, ? as at, ? as big, ? as empty, ? as bytes', [
          true,
          new Date('2026-01-02T03:04:05.006Z'),
          12345678901234567890n % 2n ** 63n,
          null,
          new Uint8Array([7]),
        ]),
      )
      expect({ ...found[0] }).toEqual({
        yes: 1,
        at: '2026-01-02T03:04:05.006Z',
        big: 12345678901234567890n % 2n ** 63n,
        empty: null,
        bytes: new Uint8Array([7]),
      })
      expect(await codeOf(write(storage, (session) => session.raw('select ?', [{ a: 1 }])))).toBe('database_error')
    })

    test.each(refused)('refuses %s', async (text) => {
      const { storage } = await open()
      const outcomes = await Promise.all([
        codeOf(write(storage, (session) => insertPerson(session, 1))),
        codeOf(
          write(storage, async (session) => {
            await insertPerson(session, 2)
            await session.raw(text, [])
          }),
        ),
        codeOf(write(storage, (session) => insertPerson(session, 3))),
      ])
      expect(outcomes).toEqual(['no error', 'statement_refused', 'no error'])
      expect(await names(storage)).toEqual(['person 1', 'person 3'])
    })

    test.each([
      "select 'begin; commit' as rollback",
      'select 1;',
      "select 'a' -- ; commit",
      'with c as (select 1 as n) select n from c',
      'values (1), (2)',
      "insert into label (name) select 'from ' || count(*) from monobloc_log",
      "insert into label (name) values ('or rollback')",
      "insert or ignore into label (name) values ('x')",
      "insert into post (id, title) values ('00000000-0000-7000-8000-000000000001', 'searched')",
      'explain query plan select * from person',
    ])('takes %s', async (text) => {
      const { storage } = await open()
      expect(await codeOf(write(storage, (session) => session.raw(text, [])))).toBe('no error')
    })

    test('is guarded in a read too', async () => {
      const { storage } = await open()
      for (const text of ['pragma query_only = off', 'commit', 'select 1; select 2']) {
        const read = (async () => storage.read({ deadline: ample }, (session) => session.raw(text, [])))()
        expect(await codeOf(read)).toBe('statement_refused')
      }
    })
  })

  describe('a broken constraint', () => {
    const values = `'${key(1)}', 'title'`
    test.each<[string, string, string | undefined, unknown[]]>([
      [
        `insert into person (id, name) values ('${key(2)}', 'ann')`,
        'unique_violation',
        'person',
        [{ path: ['name'], code: 'taken' }],
      ],
      [
        `insert into person (id, name) values ('${key(1)}', 'bob')`,
        'unique_violation',
        'person',
        [{ path: ['id'], code: 'taken' }],
      ],
      [
        `insert into person (id) values ('${key(2)}')`,
        'check_violation',
        'person',
        [{ path: ['name'], code: 'required' }],
      ],
      [
        `insert into post (id, title, likes) values (${values}, -1)`,
        'check_violation',
        'post',
        [{ path: ['likes'], code: 'check' }],
      ],
      [
        `insert into post (id, title, likes) values (${values}, 'many')`,
        'check_violation',
        'post',
        [{ path: ['likes'], code: 'invalid_type' }],
      ],
      [
        `insert into post (id, title, likes) values (${values}, 9007199254740992)`,
        'check_violation',
        'post',
        [{ path: ['likes'], code: 'invalid_type' }],
      ],
      [
        `insert into post (id, title, price) values (${values}, 1000000000000000000)`,
        'check_violation',
        'post',
        [{ path: ['price'], code: 'invalid_type' }],
      ],
      [
        `insert into post (id, title, ratio) values (${values}, 9e999)`,
        'check_violation',
        'post',
        [{ path: ['ratio'], code: 'invalid_type' }],
      ],
      [
        `insert into post (id, title, data) values (${values}, '{')`,
        'check_violation',
        'post',
        [{ path: ['data'], code: 'invalid_type' }],
      ],
      [
        `insert into post (id, title, shown) values (${values}, 2)`,
        'check_violation',
        'post',
        [{ path: ['shown'], code: 'invalid_type' }],
      ],
      [
        `insert into post (id, title, at) values (${values}, datetime('now'))`,
        'check_violation',
        'post',
        [{ path: ['at'], code: 'invalid_type' }],
      ],
      [
        `insert into post (id, title, day) values (${values}, '1.1.2026')`,
        'check_violation',
        'post',
        [{ path: ['day'], code: 'invalid_type' }],
      ],
      [
        "insert into person (id, name) values ('short', 'x')",
        'check_violation',
        'person',
        [{ path: ['id'], code: 'invalid_type' }],
      ],
      [`insert into post (id, title, author) values (${values}, '${key(9)}')`, 'reference_not_found', undefined, []],
      ['delete from person', 'reference_not_found', undefined, []],
    ])('%s: %s', async (text, code, subject, violations) => {
      const { storage } = await open()
      await write(storage, async (session) => {
        await insertPerson(session, 1, 'ann')
        await session.raw('insert into debt (person) values (?)', [key(1)])
      })
      const broken = write(storage, (session) => session.raw(text, []))
      await expect(broken).rejects.toMatchObject({ code, subject, violations })
      expect(await rows(storage, 'select name from person')).toEqual([{ name: 'ann' }])
    })
  })
}
