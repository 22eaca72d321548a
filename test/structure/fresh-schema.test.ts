import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { backend } from 'monobloc'
import { expect, test } from 'vitest'
import * as people from '../../examples/conduit/people.ts'

// A change here changes databases that exist: `npm test -- test/structure -u` takes it over, and the migration is a
// decision.
test('the tables, indexes and triggers of a fresh app are those that were decided', async () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'fresh-schema-'))
  const app = backend({ name: 'conduit', serve: [people] })
  await app.start({ port: 0, folder, environment: { NODE_ENV: 'test', MONOBLOC_LOG: 'silent' } })
  await app.stop()
  const db = new DatabaseSync(path.join(folder, 'data', 'app.db'), { readOnly: true })
  const rows = db.prepare('select sql from sqlite_schema where sql is not null order by tbl_name, type, name').all()
  db.close()
  rmSync(folder, { recursive: true })
  await expect(`${rows.map((row) => `${row.sql};`).join('\n\n')}\n`).toMatchFileSnapshot('fresh-schema.snap')
})
