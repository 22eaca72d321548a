import { DatabaseSync } from 'node:sqlite'
import { type Item, itemAt, itemCount } from '../item.ts'

/** The table as Monobloc makes it: the same types, no other index. */
const table = `create table item (
  id integer primary key autoincrement not null,
  title text not null check (length(title) between 1 and 200),
  body text not null check (length(body) <= 10000),
  done integer not null default 0 check (done in (0, 1)),
  createdAt text not null
) strict`

/** Makes a file with the table and its first rows. */
export function createPeerDatabase(file: string): void {
  const db = new DatabaseSync(file)
  db.exec('pragma journal_mode = wal')
  db.exec(table)
  db.exec('begin')
  const insert = db.prepare('insert into item (id, title, body, done, createdAt) values (?, ?, ?, ?, ?)')
  for (let id = 1; id <= itemCount; id++) {
    const { title, body, done, createdAt } = itemAt(id)
    insert.run(id, title, body, done ? 1 : 0, createdAt)
  }
  db.exec('commit')
  db.close()
}

interface ItemRow extends Omit<Item, 'done'> {
  done: number
}

/**
 * What Express and Fastify stand on: `node:sqlite` as who knows it well writes it by hand. Statements are prepared once,
 * the cache holds the table, each request is a transaction of its own (SQLite's implicit one around a single
 * statement), and an insert returns only when it is on disk.
 */
export function openPeerItems(file: string) {
  const db = new DatabaseSync(file, { timeout: 5000 })
  db.exec('pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -65536')
  const columns = 'id, title, body, done, createdAt'
  const byId = db.prepare(`select ${columns} from item where id = ?`)
  // A bare `limit ?` would be compiled anew at each run.
  const newest = db.prepare(`select ${columns} from item order by id desc limit ? + 0`)
  const add = db.prepare(`insert into item (title, body, done, createdAt) values (?, ?, 0, ?) returning ${columns}`)
  return {
    find(id: number): Item | undefined {
      const row = byId.get(id) as ItemRow | undefined
      return row && itemOf(row)
    },
    newest(limit: number): Item[] {
      return (newest.all(limit) as unknown as ItemRow[]).map(itemOf)
    },
    add(title: string, body: string): Item {
      return itemOf(add.get(title, body, new Date().toISOString()) as unknown as ItemRow)
    },
  }
}

function itemOf({ id, title, body, done, createdAt }: ItemRow): Item {
  return { id, title, body, done: done === 1, createdAt }
}
