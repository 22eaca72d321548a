import { accessSync, constants, statfsSync } from 'node:fs'
import { freemem, tmpdir } from 'node:os'

const memory = '/dev/shm'

/** Bytes: several times what the databases of a run and their log take. */
const plenty = 2 * 2 ** 30

/**
 * Where a PostgreSQL server of tests has its folder. In memory, where there is plenty: a database is some 300 files, which
 * cost a disk ten times what they cost there, and tests make more than a thousand.
 */
export function serverFolder(): string {
  try {
    accessSync(memory, constants.W_OK)
    const { bavail, bsize } = statfsSync(memory)
    return bavail * bsize >= plenty && freemem() >= 2 * plenty ? memory : tmpdir()
  } catch {
    return tmpdir()
  }
}
