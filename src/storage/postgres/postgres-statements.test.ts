import { expect, test } from 'vitest'
import { schemaAct, statementsOf } from './postgres-statements.ts'
import { tokensOf } from './postgres-tokens.ts'

const acts = (script: string) => statementsOf(script).map(schemaAct)

test('a script is cut at its semicolons, but not inside strings, comments and bodies', () => {
  const script = `select ';' /* a /* ; */ ; */, e'\\';', "a;b"; -- ;
    create function f() returns trigger language plpgsql as $$ begin new.a := 1; return new; end $$;;
    select $x$ $$ ; $x$`
  expect(statementsOf(script).map(({ sql }) => sql.slice(0, 15))).toEqual([
    "select ';' /* a",
    'create function',
    'select $x$ $$ ;',
  ])
})

test.each([
  ['"a""b"', 'quoted', 'a"b'],
  ["'it''s'", 'string', "it's"],
  ['$q$it$q$', 'string', 'it'],
  ['$1', 'parameter', '$1'],
  ['naïve$1', 'word', 'naïve$1'],
  ["'open", 'string', 'open'],
])('%s is a %s', (sql, kind, text) => expect(tokensOf(sql)).toMatchObject([{ kind, text }]))

test.each([
  ['CREATE TABLE IF NOT EXISTS Article (a int)', { act: 'create table', name: 'article' }],
  [
    'create unique index concurrently "a-b" on only "Article" (x)',
    { act: 'create index', name: 'a-b', table: 'Article', unique: true, concurrently: true },
  ],
  ['drop index concurrently if exists "a-b"', { act: 'drop index', name: 'a-b', concurrently: true }],
  ['alter table if exists only a rename b to c', { act: 'rename column', name: 'a', column: 'b', to: 'c' }],
  ['alter table a rename column b to c', { act: 'rename column', name: 'a', column: 'b', to: 'c' }],
  ['alter table a rename to b', { act: 'rename table', name: 'a', to: 'b' }],
  ['alter table a rename constraint b to c', { act: 'alter table', name: 'a' }],
  ['alter table a add b numeric(8,2) default 1', { act: 'add column', name: 'a', column: 'b' }],
  ['alter table a add column b int, add column c int', { act: 'alter table', name: 'a' }],
  [
    'alter table a add constraint "x:y" check (b in (1, 2)) not valid',
    { act: 'add constraint', name: 'a', constraint: 'x:y', unchecked: true },
  ],
  ['alter table a validate constraint "x:y"', { act: 'validate constraint', name: 'a', constraint: 'x:y' }],
  ['alter table a alter b set not null', { act: 'set not null', name: 'a', column: 'b' }],
  ['alter table public.a drop column b', { act: 'drop column', name: 'a', column: 'b' }],
  ['update only "a" set b = 1', { act: 'update', name: 'a' }],
  ['create function f() returns int language sql as $$ select 1 $$', undefined],
])('%s', (sql, act) => expect(acts(sql)).toEqual([act]))
