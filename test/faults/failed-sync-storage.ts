// A storage whose owner does not end the process when the disk has failed: failed-sync-storage.ts FOLDER WHAT.
// Prints a line for each thing that happens. What comes after the file `mark` was made is for the test to let fail.
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { model, Schema, t } from '../../src/schema/index.ts'
import { createSqliteMigrator, createSqliteStorage, type Session, type SqliteOptions } from '../../src/storage/index.ts'

const [folder, what] = process.argv.slice(2) as [string, string]
// A small cache, so that a large transaction is written to the WAL before its end; and the WAL is moved every 40 frames.
const file = path.join(folder, 'app.db')
const options = { file, cacheKib: 64, onFatal: () => console.log('fatal'), testing: { smallWal: true } }
const storage = createSqliteStorage(options as SqliteOptions)
const insert = { sql: 'insert into thing (body) values (?)', reach: 'bounded' } as const
const fill = (pages: number) => (session: Session) => {
  for (let row = 0; row < pages; row++) session.run(insert, ['x'.repeat(4000)])
}

const mark = () => writeFileSync(path.join(folder, 'mark'), '')
// Nobody is answered after a failed sync: waiting for the answer would last forever.
const write = (work: (session: Session) => unknown) =>
  Promise.race([
    storage.write({ deadline: 10_000 }, work).then(
      () => 'written',
      () => 'refused',
    ),
    setTimeout(500, 'no answer'),
  ])

/** In a database of its own, which it makes. */
async function migrate(): Promise<void> {
  const models = [model('other', { id: t.serial() })]
  const sql = 'create table other (id integer not null primary key) strict;'
  const section = { kind: 'step', title: 'create other', sql, line: 1 } as const
  const one = {
    number: 1,
    name: '0001-other',
    file: '',
    checksum: '',
    sections: [section],
    consents: [],
    engine: 'sqlite' as const,
    isProgram: false,
  }
  try {
    await createSqliteMigrator({ file: path.join(folder, 'other.db') }).apply({
      files: [one],
      schema: new Schema(models),
      runProgram: () => {},
    })
    console.log('written')
  } catch (error) {
    console.log((error as Error).message)
  }
}

await storage.open()
const maker = new DatabaseSync(file)
maker.exec('create table thing (id integer primary key, body text) strict')
maker.close()
switch (what) {
  case 'the move of the WAL':
    mark()
    for (let turn = 0; turn < 4; turn++) await write(fill(30))
    break
  // All of the WAL has been moved, so that the first page of the next transaction begins it anew, and syncs its header.
  case 'a large transaction that catches the error':
    await write(fill(60))
    await setTimeout(100)
    mark()
    await write((session) => {
      try {
        fill(60)(session)
      } catch {
        console.log('caught')
      }
    })
    break
  case 'closing':
    await write(fill(10))
    mark()
    break
  case 'a migration':
    mark()
    await migrate()
    process.exit()
}
await setImmediate()
console.log(what === 'closing' ? 'closes' : await write(fill(1)))
await storage.close()
console.log('closed')
// Where a process ends by itself, Node closes what is open.
process.exit()
