// A lock between processes that may make tables: a file beside the database, which the system unlocks when its holder dies.
//
// none → waiting → held → none
// The file is removed while it is held. Who waited for the removed one finds another file at its path, or none, and begins
// again. A crash leaves an empty file that nobody holds.
import { rmSync, statSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { translateError } from './sqlite-errors.ts'
import { makePrivate, prepareFolder } from './sqlite-folder.ts'
import { patiently } from './sqlite-patience.ts'

export const startLockSuffix = '-start'

// A seed may fill a database for long; who gives up ends, and is started again.
const waitMillis = 120_000

/** Runs `work` while no other process does so on this database. @throws MonoblocError `database_busy` */
export async function withStartLock<T>(database: string, work: () => Promise<T>): Promise<T> {
  const file = database + startLockSuffix
  prepareFolder(database)
  const db = await patiently(waitMillis, () => hold(file)).catch((error) => {
    throw translateError(error)
  })
  try {
    return await work()
  } finally {
    rmSync(file, { force: true })
    db.close()
  }
}

/** @throws what SQLite says when another process holds it */
function hold(file: string): DatabaseSync {
  for (;;) {
    makePrivate(file)
    const db = new DatabaseSync(file, { timeout: 0 })
    const opened = inode(file)
    const isThere = () => opened !== undefined && opened === inode(file)
    try {
      db.exec('begin exclusive')
      if (isThere()) return db
      db.close()
    } catch (error) {
      db.close()
      // SQLite stumbles over a file that was removed meanwhile.
      if (isThere()) throw error
    }
  }
}

function inode(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.ino
}
