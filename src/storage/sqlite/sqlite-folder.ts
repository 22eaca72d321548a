import { closeSync, existsSync, fsyncSync, mkdirSync, openSync } from 'node:fs'
import path from 'node:path'

// Windows has no such call, and a folder that may not be read can't be synced.
const refused = new Set(['EACCES', 'EPERM', 'EISDIR', 'EINVAL'])

/**
 * Makes the folder of a database that is not there yet, so that it is still there when the power has failed: SQLite
 * syncs the folder that its files are in, and nobody but us that folder's own entry. What is made is its owner's alone, and
 * what SQLite puts beside the file is as open as the file; a folder that is there keeps its mode.
 */
export function prepareFolder(file: string): void {
  if (existsSync(file)) return
  const folder = path.dirname(file)
  const first = mkdirSync(folder, { recursive: true, mode: 0o700 }) ?? folder
  makePrivate(file)
  // Who made the folder just before us, for a secret or a log, may not have synced it either.
  for (let made = folder; ; made = path.dirname(made)) {
    syncFolder(path.dirname(made))
    if (made === first) return
  }
}

/** Makes a file that only its owner may read. One that can't be made is for SQLite to complain of. */
export function makePrivate(file: string): void {
  try {
    closeSync(openSync(file, 'a', 0o600))
  } catch {
    // As it will, in its own words, when it opens it.
  }
}

/** Puts on disk which files a folder holds. @throws Error what the system said, as when the disk fails */
export function syncFolder(folder: string): void {
  let handle: number | undefined
  try {
    handle = openSync(folder, 'r')
    fsyncSync(handle)
  } catch (error) {
    if (!refused.has((error as NodeJS.ErrnoException).code ?? '')) throw error
  } finally {
    if (handle !== undefined) closeSync(handle)
  }
}
