import { DatabaseSync } from 'node:sqlite'
import { beforeAll, describe, expect, test } from 'vitest'
import { SqliteConnection } from './sqlite-connection.ts'
import { judgePlan, smallTable } from './sqlite-plan.ts'
import { StatementReach } from './sqlite-reach.ts'
import { TableFacts } from './sqlite-table-facts.ts'

let db: DatabaseSync

// `large` has one row more than a small table may have; `small` as many as it may.
beforeAll(() => {
  db = new DatabaseSync(':memory:')
  db.exec(`
    create table large (id text not null primary key, owner integer, half integer, at integer, note text, other integer) strict;
    create index large_owner on large (owner, at, id);
    create index large_half on large (half);
    create index large_at on large (at, id);
    create table small (id integer primary key, name text) strict;
    create table pairs (a integer not null, b integer not null, primary key (a, b)) strict, without rowid;
    create virtual table words using fts5(note, content="large", content_rowid="rowid");
    create virtual table monobloc_search_large using fts5(note, content="large", content_rowid="rowid");
    create virtual table monobloc_search_small using fts5(name, content="small", content_rowid="rowid");
  `)
  const numbers = (count: number) => `with recursive c (n) as (select 1 union all select n + 1 from c limit ${count})`
  db.exec(`${numbers(smallTable + 1)} insert into large select 'k' || n, n / 5, 0, n, 'w', n from c`)
  db.exec(`${numbers(smallTable)} insert into small select n, 'name' || n from c`)
  db.exec(`${numbers(5_000)} insert into pairs select n / 4, n % 4 from c`)
})

function isBounded(sql: string): boolean {
  return judgePlan(db, sql, new TableFacts()).bounded
}

describe('a statement runs in process', () => {
  test.each([
    'select 1',
    'select * from large where id = ?',
    'select * from large where rowid = ?',
    'select * from large where id in (select value from json_each(?))',
    'select * from large limit ?',
    'select * from large order by at, id limit 20',
    'select * from large order by at desc, id desc limit 20',
    'select * from large where (at, id) > (?, ?) order by at, id limit 20',
    'select * from large where owner = ? order by at, id limit 20',
    'select * from large where owner = ? and note = ? order by at limit 20',
    'select * from large where (owner = ? and note = ?) order by at limit 20',
    // A page that goes on where another ended, in two directions.
    'select * from large where (at >= ? and (at > ? or (at = ? and id < ?))) order by at, id desc limit 20',
    'select * from large where owner = ? and (at >= ? and (at > ? or (at = ? and id < ?))) order by at, id desc limit 20',
    'select count(*) from large where owner = ?',
    'select max(at) from large',
    'select * from small',
    'select count(*), name from small group by name order by 1',
    "select * from small where name like '%x%' order by name limit 5",
    'select * from large l left join small s on s.id = l.owner order by l.at, l.id limit 20',
    'select id, (select count(*) from pairs p where p.a = large.at) from large order by at, id limit 20',
    'select json_group_array(id) from (select id from large order by at, id limit 20)',
    'select * from pairs where a = 1 and b = 2',
    'select * from pairs where a = 1',
    'select * from large where id = ? or owner = ?',
    "select * from monobloc_search_small where monobloc_search_small match 'x'",
    'select 1 union select 2',
    'with page as (select * from large order by at, id limit 20) select * from page',
  ])('%s', (sql) => {
    expect(isBounded(sql)).toBe(true)
  })
})

describe('a statement goes to a reader process', () => {
  test.each([
    'select * from large',
    'select count(*) from large',
    'select * from large where note = ? limit 20',
    'select * from large where note = ? order by at, id limit 20',
    'select * from large order by note limit 20',
    'select * from large where half = ? order by note limit 20',
    'select * from large where half = ? and note = ? limit 20',
    'select * from large where (half = ? and note = ?) limit 20',
    'select * from large where (at >= ? and (note = ? or other = ?)) order by at limit 20',
    'select count(*) from large where half = ?',
    'select note, count(*) from large group by note limit 5',
    'select distinct note from large limit 5',
    'select sum(at) from large limit 5',
    'select * from small a, small b',
    'select * from large l join small s on s.name = l.note limit 20',
    'select * from large l join small s on s.id = l.owner order by l.at, l.id limit 20',
    'with recursive c (n) as (select 1 union all select n + 1 from c) select n from c limit 20',
    "select * from monobloc_search_large where monobloc_search_large match 'w' order by rank limit 10",
    "select * from words where words match 'w'",
    'select * from large where exists (select 1 from pairs p where p.b = large.at) order by at, id limit 20',
    'select id, (select count(*) from large inner_large where inner_large.note = small.name) from small',
    'select * from large where at > ? order by note limit 20',
    'select * from large where at > ? and note = ? order by at limit 20',
    'select * from large union select * from large',
    'select * from large, json_each(large.note)',
  ])('%s', (sql) => {
    expect(isBounded(sql)).toBe(false)
  })
})

describe('rows that are deleted softly', () => {
  // In `kept` one row of ten is deleted, in `emptied` all but the last 100.
  beforeAll(() => {
    const rows = (from: string, deleted: string) => `
      create table ${from} (id text not null primary key, owner integer, title text, gone text) strict;
      create index ${from}_owner on ${from} (owner, title, id);
      create unique index ${from}_title on ${from} (title) where gone is null;
      with recursive c (n) as (select 1 union all select n + 1 from c limit ${smallTable * 4})
      insert into ${from} select printf('%08d', n), n % 3, 't' || n, iif(${deleted}, '2026-11-22T10:00:00.000Z', null) from c;`
    db.exec(rows('kept', 'n % 10 = 0') + rows('emptied', `n <= ${smallTable * 4 - 100}`))
  })

  function scansOf(sql: string): string[] {
    return judgePlan(db, sql, new TableFacts()).scans.map(({ table }) => table)
  }

  test('are passed over by a page in process, where they are few', () => {
    const page = 'select * from kept as t where t.gone is null order by id limit 20'
    expect([isBounded(page), scansOf(page)]).toEqual([true, []])
    expect(isBounded('select * from kept where (owner = ? and gone is null) order by title, id limit 20')).toBe(true)
    expect(isBounded('select * from kept where title = ? and gone is null')).toBe(true)
  })

  test('are a scan where they are most, and where something else is asked', () => {
    expect(isBounded('select * from emptied where gone is null order by id limit 20')).toBe(false)
    for (const table of ['kept', 'emptied']) {
      expect(isBounded(`select * from ${table} where (title like ? and gone is null) order by id limit 20`)).toBe(false)
    }
    expect(scansOf('select * from kept where (id > ? or gone is null) order by owner limit 20')).toEqual(['kept'])
  })
})

test('a table is small up to a number of rows', () => {
  expect(isBounded('select * from small')).toBe(true)
  db.exec('insert into small (id) values (0)')
  expect(isBounded('select * from small')).toBe(false)
  db.exec('delete from small where id = 0')
})

describe('a scan is reported, once, with the index that would help', () => {
  test.each<[string, { table: string; suggestion: string | undefined }[]]>([
    ['select * from large where note = ? order by at limit 5', [{ table: 'large', suggestion: "'note', 'at'" }]],
    // An index ends with the key by itself.
    ['select * from large order by note, id limit 5', [{ table: 'large', suggestion: "'note'" }]],
    ['select * from large where other > ? order by id limit 5', [{ table: 'large', suggestion: "'other'" }]],
    ['select * from small where name > ?', [{ table: 'small', suggestion: "'name'" }]],
    [
      'select * from "large" as "t1" where "t1"."note" in (?, ?) and "t1"."other" > ?',
      [{ table: 'large', suggestion: "'note', 'other'" }],
    ],
    // Alternatives begin no index together.
    ['select * from large where ((note = ? or half = ?) and other = ?)', [{ table: 'large', suggestion: "'other'" }]],
    ['select * from large where (note = ? or other = ?)', [{ table: 'large', suggestion: undefined }]],
    ['select * from large where lower(note) = ?', [{ table: 'large', suggestion: undefined }]],
    ['select * from large where owner = ?', []],
    ['select * from small', []],
  ])('%s', (sql, expected) => {
    const reports: { table: string; suggestion: string | undefined }[] = []
    const reach = new StatementReach(({ table, suggestion }) => reports.push({ table, suggestion }))
    const connection = new SqliteConnection(db)
    const statement = { sql, reach: 'plan' } as const
    reach.isBounded(connection, statement)
    reach.isBounded(connection, statement)
    expect(reports).toEqual(
      expected.map(({ table, suggestion }) => ({
        table,
        suggestion: suggestion && `model('${table}', …, { indexes: [[${suggestion}]] })`,
      })),
    )
  })
})
