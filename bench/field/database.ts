import { DatabaseSync } from 'node:sqlite'
import { articleAt, authorAt, counts, fansOf, fieldItemAt, tagAt, tagsOf, writerAt } from './data.ts'

const tables = `
create table author (id integer primary key autoincrement not null, name text not null, email text not null) strict;
create table item (
  id integer primary key autoincrement not null,
  title text not null check (length(title) between 1 and 200),
  body text not null check (length(body) <= 10000),
  status text not null check (status in ('open', 'closed', 'draft')),
  authorId integer not null references author (id),
  createdAt text not null
) strict;
create index item_status on item (status, createdAt);
create index item_author on item (authorId);
create table writer (id integer primary key autoincrement not null, username text not null unique, bio text, image text) strict;
create table tag (id integer primary key autoincrement not null, name text not null unique) strict;
create table article (
  id integer primary key autoincrement not null,
  slug text not null unique,
  title text not null,
  description text not null,
  body text not null,
  authorId integer not null references writer (id),
  createdAt text not null,
  updatedAt text not null
) strict;
create index article_created on article (createdAt, id);
create index article_author on article (authorId);
create table article_tag (
  articleId integer not null references article (id), tagId integer not null references tag (id),
  primary key (articleId, tagId)
) strict, without rowid;
create index article_tag_tag on article_tag (tagId);
create table favorite (
  articleId integer not null references article (id), writerId integer not null references writer (id),
  primary key (articleId, writerId)
) strict, without rowid;
create index favorite_writer on favorite (writerId);
`

/** The database of the peers: the same columns, keys and indexes that Monobloc makes from its models. */
export function createFieldDatabase(file: string): void {
  const db = new DatabaseSync(file)
  db.exec('pragma journal_mode = wal')
  db.exec(tables)
  db.exec('begin')
  const fill = <Row extends object>(table: string, count: number, at: (id: number) => Row) => {
    const names = Object.keys(at(1))
    const insert = db.prepare(`insert into ${table} (${names}) values (${names.map(() => '?')})`)
    for (let id = 1; id <= count; id++) insert.run(...(Object.values(at(id)) as (string | number | null)[]))
  }
  fill('author', counts.authors, authorAt)
  fill('item', counts.items, fieldItemAt)
  fill('writer', counts.writers, writerAt)
  fill('tag', counts.tags, tagAt)
  fill('article', counts.articles, articleAt)
  const tagged = db.prepare('insert into article_tag (articleId, tagId) values (?, ?)')
  const liked = db.prepare('insert into favorite (articleId, writerId) values (?, ?)')
  for (let id = 1; id <= counts.articles; id++) {
    for (const tag of tagsOf(id)) tagged.run(id, tag)
    for (const fan of fansOf(id)) liked.run(id, fan)
  }
  db.exec('commit')
  db.exec('analyze')
  db.close()
}
