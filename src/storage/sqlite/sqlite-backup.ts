import { closeSync, fsyncSync, mkdirSync, openSync, renameSync } from 'node:fs'
import path from 'node:path'
import { backup } from 'node:sqlite'
import type { SqliteConnection } from './sqlite-connection.ts'
import { makePrivate } from './sqlite-folder.ts'
import { withPassingFile } from './sqlite-passing-file.ts'
import { patiently } from './sqlite-patience.ts'

/** Pages copied in one step, on a thread of Node's pool: a megabyte, so that nothing else waits long for the disk. */
const pagesPerStep = 256

/** Milliseconds that it waits while another process takes up the log of one that died. */
const lockMillis = 30_000

/**
 * Copies the database as it is at one instant into a file, which appears whole or not at all. A snapshot is held
 * meanwhile: without it a copy starts over with each commit, and under steady writes it would never end.
 *
 * @param connection of its own, closed at the end
 */
export async function copyDatabase(connection: SqliteConnection, file: string): Promise<void> {
  const target = path.resolve(file)
  try {
    mkdirSync(path.dirname(target), { recursive: true, mode: 0o700 })
    await withPassingFile(`${target}.partial-`, async (partial) => {
      makePrivate(partial)
      connection.db.exec('begin')
      await patiently(lockMillis, () => connection.db.prepare('select count(*) from sqlite_schema').get())
      await backup(connection.db, partial, { rate: pagesPerStep })
      connection.db.exec('rollback')
      sync(partial)
      renameSync(partial, target)
      sync(path.dirname(target))
    })
  } finally {
    connection.close()
  }
}

function sync(target: string): void {
  const handle = openSync(target, 'r')
  try {
    fsyncSync(handle)
  } finally {
    closeSync(handle)
  }
}
