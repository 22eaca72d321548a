import { DatabaseSync } from 'node:sqlite'
import pg from 'pg'
import { expect, test } from 'vitest'
import { withFolder } from '../campaign/campaign-files.ts'
import { missingServer } from '../conformance/postgres-database.ts'
import { runKills } from './migrate.campaign.ts'
import { runPostgresKills } from './migrate-postgres.ts'

test.each([
  [
    'a row that is gone',
    'delete from article_tags where article_tags.tag = (select min(tag) from article_tags)',
    'neither',
  ],
  ['a value that is changed', "update article set body = 'y' where id = 5", 'neither'],
])('the check of a killed migration sees %s', { timeout: 60_000 }, async (_, sql, words) => {
  const spoil = (file: string) => {
    const db = new DatabaseSync(file, { timeout: 5000 })
    db.exec(sql)
    db.close()
  }
  const { shown } = await withFolder(async (folder) => {
    return { violations: [], shown: (await runKills(1, folder, 1, spoil)).violations }
  })
  expect(shown.join('; ')).toContain(words)
})

const missing = missingServer()

test('the check of a killed migration sees a row that is gone on PostgreSQL', { timeout: 240_000 }, async ({
  skip,
}) => {
  skip(missing !== undefined, missing)
  const spoil = async (url: string) => {
    const client = new pg.Client(url)
    await client.connect()
    await client.query('delete from article_tags where article = 1')
    await client.end()
  }
  const { shown } = await withFolder(async (folder) => {
    return { violations: [], shown: (await runPostgresKills(2, folder, 1, spoil)).violations }
  })
  expect(shown.join('; ')).toContain('article_tags has 2399 rows')
})
