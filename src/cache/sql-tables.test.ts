import { DummyDriver, Kysely, SqliteAdapter, SqliteIntrospector, SqliteQueryCompiler, sql } from 'kysely'
import { expect, test } from 'vitest'
import { tablesOf } from './sql-tables.ts'

const db = new Kysely<any>({
  dialect: {
    createAdapter: () => new SqliteAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (kysely) => new SqliteIntrospector(kysely),
    createQueryCompiler: () => new SqliteQueryCompiler(),
  },
})

const isTable = (name: string) => name === 'a' || name === 'b'

test.for([
  ['one table', db.selectFrom('a').selectAll(), ['a']],
  ['a join', db.selectFrom('a as x').innerJoin('b', 'b.id', 'x.b').select('x.id'), ['a', 'b']],
  [
    'a query within',
    db
      .selectFrom('a')
      .select('id')
      .where('id', 'in', (eb: any) => eb.selectFrom('b').select('a')),
    ['a', 'b'],
  ],
  ['a union', db.selectFrom('a').select('id').union(db.selectFrom('b').select('id')), ['a', 'b']],
  [
    'a query with a name',
    db
      .with('c', (q) => q.selectFrom('a').select('id'))
      .selectFrom('c')
      .selectAll(),
    ['a'],
  ],
  [
    'a query that is named as a table',
    db
      .with('a', (q) => q.selectFrom('a').select('id'))
      .selectFrom('a')
      .selectAll(),
    ['a'],
  ],
  ['a count', db.selectFrom('a').select((eb) => eb.fn.countAll().as('n')), ['a']],
] as const)('reads the tables of %s', ([, query, tables]) => {
  expect([...tablesOf(query.compile().query, isTable)!].sort()).toEqual(tables)
})

test.for([
  ['text', sql`select * from a`],
  ['text within', db.selectFrom('a').select(sql`(select max(id) from b)`.as('n'))],
  ['a function that nobody knows', db.selectFrom('a').select((eb) => eb.fn('random', []).as('n'))],
  ['the time', db.selectFrom('a').select((eb) => eb.fn('now', []).as('n'))],
  ['another schema', db.withSchema('other').selectFrom('a').selectAll()],
] as const)('tells that %s does not say it all', ([, query]) => {
  expect(tablesOf(query.compile(db).query, isTable)).toBeUndefined()
})
