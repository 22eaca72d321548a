import { expect, test } from 'vitest'
import { withFolder } from '../campaign/campaign-files.ts'
import { Random } from '../faults/random.ts'
import { runChain, type Sabotage } from './migrate-case.ts'
import { sqliteDatabase } from './migrate-database.ts'

/** Whether the search says these words when files are written wrong in this way. */
async function isSeen(sabotage: Sabotage, words: string): Promise<boolean> {
  for (let seed = 1; seed <= 12; seed++) {
    const { shown } = await withFolder(async (folder) => {
      // What it shows is meant: nothing is to be kept.
      return {
        violations: [],
        shown: (await runChain(new Random(seed), folder, sqliteDatabase(folder), 3, sabotage)).violations,
      }
    })
    if (shown.some((violation) => violation.includes(words))) return true
  }
  return false
}

test.each([
  [
    'a value that is changed',
    (sql) => sql.replace(/^ {2}("f\d+"),$/m, "  iif(typeof($1) = 'text', $1 || '!', $1),"),
    'is "',
  ],
  ['a counter that begins again', (sql) => sql.replace(/^INSERT INTO sqlite_sequence.*$/gm, ''), 'counted to'],
  [
    'rows that are left behind',
    (sql) => sql.replace(/^FROM ("m\d+");$/gm, 'FROM $1 LIMIT 1;'),
    'a step must keep every row',
  ],
  ['a column that is left behind', (sql) => sql.replace(/^ {2}"f\d+",$/gm, '  NULL,'), 'does not copy'],
  ['an index that is forgotten', (sql) => sql.replace(/^CREATE INDEX .*$/gm, ''), 'create index'],
] as [string, Sabotage, string][])('the search sees %s', { timeout: 120_000 }, async (_, sabotage, words) => {
  expect(await isSeen(sabotage, words)).toBe(true)
})
