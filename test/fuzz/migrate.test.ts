import { expect, test } from 'vitest'
import { withFolder } from '../campaign/campaign-files.ts'
import { missingServer } from '../conformance/postgres-database.ts'
import { Random } from '../faults/random.ts'
import { runChain, type Sabotage } from './migrate-case.ts'
import { type FuzzDatabase, sqliteDatabase } from './migrate-database.ts'
import { postgresDatabase } from './migrate-postgres.ts'

/** Whether the search says these words when files are written wrong in this way. */
async function isSeen(
  sabotage: Sabotage,
  words: string,
  open: (folder: string) => FuzzDatabase | Promise<FuzzDatabase> = sqliteDatabase,
): Promise<boolean> {
  for (let seed = 1; seed <= 12; seed++) {
    const { shown } = await withFolder(async (folder) => {
      // What it shows is meant: nothing is to be kept.
      const database = await open(folder)
      try {
        return { violations: [], shown: (await runChain(new Random(seed), folder, database, 3, sabotage)).violations }
      } finally {
        await database.drop()
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

const missing = missingServer()

test.for([
  ['a value that is changed', (sql) => sql.replace(/^( {2}CASE WHEN .* END)$/m, '  NULL'), 'is null'],
  ['an index that is forgotten', (sql) => sql.replace(/^CREATE INDEX CONCURRENTLY .*$/gm, ''), 'create index'],
] as [string, Sabotage, string][])(
  'on PostgreSQL the search sees %s',
  { timeout: 240_000 },
  async (case_, { skip }) => {
    skip(missing !== undefined, missing)
    const [, sabotage, words] = case_
    expect(await isSeen(sabotage, words, () => postgresDatabase(false))).toBe(true)
  },
)
