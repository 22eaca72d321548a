import { describe, expect, test } from 'vitest'
import { schemaAct, statementsOf } from './sqlite-statements.ts'

describe('a script', () => {
  test.each([
    ['a; ;b -- c;\n; /* d; */ \'e;\' "f;"', ['a', 'b', '\'e;\' "f;"']],
    ['', []],
    ['-- nothing', []],
    [
      "create trigger x after insert on a begin select case when 1 then 2 end; delete from b; end; select 'z'",
      ['create trigger x after insert on a begin select case when 1 then 2 end; delete from b; end', "select 'z'"],
    ],
  ])('%j is cut at its semicolons', (script, parts) => {
    expect(statementsOf(script).map(({ sql }) => sql)).toEqual(parts)
  })
})

describe('a statement', () => {
  test.each([
    ['CREATE TABLE IF NOT EXISTS "a b" (c)', { act: 'create table', name: 'a b' }],
    ['create unique index i on a (b)', { act: 'create index', name: 'i', table: 'a' }],
    ['CREATE INDEX main.i ON a (b)', { act: 'create index', name: 'i', table: 'a' }],
    ['drop table if exists main.a', { act: 'drop table', name: 'a' }],
    ['DROP INDEX i', { act: 'drop index', name: 'i' }],
    ['alter table a rename to b', { act: 'rename table', name: 'a', to: 'b' }],
    ['alter table a rename column "to" to b', { act: 'rename column', name: 'a', column: 'to', to: 'b' }],
    ['alter table a rename c to b', { act: 'rename column', name: 'a', column: 'c', to: 'b' }],
    ['alter table a add column b text', { act: 'add column', name: 'a', column: 'b' }],
    ['alter table a add b text', { act: 'add column', name: 'a', column: 'b' }],
    ['alter table a drop column b', { act: 'drop column', name: 'a', column: 'b' }],
    ['insert into a values (1)', undefined],
    ['create view v as select 1', undefined],
  ])('%s', (sql, act) => expect(schemaAct(statementsOf(sql)[0]!)).toEqual(act))
})
