import { describe, expect, test } from 'vitest'
import { appSource, Child, command, folderWith, hello } from '../../test/api/child-app.ts'
import { painter } from '../runtime/index.ts'
import type { IndexAdvice } from '../storage/index.ts'
import { indexReport } from './index-report.ts'

// A seed large enough that an index matters, and a list that lacks one.
const app = appSource(
  'list',
  `logFormat: 'json',
   async seed(db) { await db.insert(Note, Array.from({ length: 3000 }, (_, n) => ({ text: 't' + n % 50, at: n }))) },`,
  `const Note = model('note', { id: t.serial(), text: t.text(), at: t.integer() }, { indexes: [['at'], ['at', 'text']] })
   const { policy, resource } = define({ models: { Note } })
   policy(Note, { anyone: { read: true } })
   const list = resource(Note, { at: '/notes', actions: ['list'] })`,
)

async function indexes(folder: string, ...args: string[]) {
  const child = new Child([command, 'indexes', ...args], { folder })
  const { code } = await child.exit
  return { code, out: child.out, err: child.err }
}

describe('monobloc indexes', () => {
  test('says what the traffic of an app lacked, of a database that is there', async () => {
    const folder = folderWith({ 'app.ts': app })
    expect(await indexes(folder, '--json')).toMatchObject({ code: 78, out: '' })
    const child = new Child([command, 'dev', '--port', '0'], { folder })
    const url = await child.url()
    for (let n = 0; n < 3; n++) expect((await fetch(`${url}/notes?text=t1&limit=5`)).status).toBe(200)
    child.process.kill('SIGTERM')
    expect((await child.exit).code).toBe(0)
    // In development it is said at once, and what the models declare twice at the start.
    expect(child.out).toContain("an index would help: model('note', …, { indexes: [['text']] })")
    expect(child.out).toContain('the index note-at-index is not needed: note-at-text-index begins with the same fields')

    const { code, out } = await indexes(folder, '--json')
    const advice = JSON.parse(out) as IndexAdvice
    expect([code, advice.runs]).toEqual([0, 3])
    // All rows, and those of a page made into JSON.
    expect(advice.missing).toMatchObject([
      { table: 'note', fields: ['text'], statements: [{ runs: 3, rowsNow: 3100 }] },
    ])
    expect(advice.duplicate).toMatchObject([{ index: 'note-at-index', coveredBy: 'note-at-text-index' }])
  })

  test('has nothing to look at where there are no models', async () => {
    const { code, err } = await indexes(folderWith({ 'app.ts': appSource(hello) }))
    expect([code, err]).toEqual([78, expect.stringContaining('no models')])
  })
})

describe('the report', () => {
  const nothing = { statements: 2, runs: 1234, missing: [], unused: [], duplicate: [], scans: [] }
  const cost = { bytes: 3 * 1024 ** 2, writesPerDay: 2400, table: 'note', fields: ['text'] }
  const plain = painter(false)

  test('says so when there is nothing to say', () => {
    expect(indexReport({ ...nothing, since: null }, plain)).toBe(
      'Nothing has been counted yet: let the app run for some minutes.\n',
    )
    expect(indexReport({ ...nothing, since: '2026-11-22T10:00:00.000Z' }, plain)).toBe(
      '2 kinds of statements ran 1,234 times since 2026-11-22 10:00 UTC.\nThere is nothing to say.\n',
    )
  })

  test('says of each what it costs', () => {
    const sql = 'select "t1"."id" as "id" from "note" as "t1" where "t1"."text" = ?'
    const text = indexReport(
      {
        ...nothing,
        since: '2026-11-22T10:00:00.000Z',
        missing: [
          {
            ...cost,
            declare: 'D',
            rowsSaved: 9,
            statements: [{ sql, runs: 1, rowsNow: Number.POSITIVE_INFINITY, rowsThen: 2 }],
          },
        ],
        unused: [{ ...cost, index: 'note-text-index', bytes: undefined }],
        duplicate: [{ ...cost, index: 'note-id-index', coveredBy: 'key' }],
        scans: [{ table: 'note', rows: 3000, runs: 2, sql }],
      },
      plain,
    )
    expect(text.split('\n').slice(1)).toEqual([
      'missing    D',
      '           once: over 5,000,000 rows of note looked at, with it 2',
      '           select … from "note" as "t1" where "t1"."text" = ?',
      '           it would cost 3.0 MiB and 2,400 writes a day',
      'duplicate  note-id-index (text): the key of note begins with the same fields; it costs 3.0 MiB and 2,400 writes a day',
      'unused     note-text-index (text): nothing that was counted uses it; it costs 2,400 writes a day',
      'scan       2 times all 3,000 rows of note are read, and no index would plainly help',
      '           select … from "note" as "t1" where "t1"."text" = ?',
      '',
    ])
  })
})
