import { beginRun, missingServer } from './postgres-database.ts'

/** Vitest calls it once before all tests, and what it returns once after them. */
export async function setup(): Promise<() => Promise<void>> {
  const end = await beginRun()
  const missing = missingServer()
  if (missing) process.stderr.write(`Tests on PostgreSQL are skipped: ${missing}\n`)
  return end
}
