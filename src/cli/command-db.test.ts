import { describe, expect, test } from 'vitest'
import { appSource, Child, command, folderWith } from '../../test/api/child-app.ts'
import { jsonOf, tableOf } from './db-table.ts'

const source = appSource(
  `data.resource(Note, { at: '/notes' })`,
  `seed: async (db) => void (await db.insert(Note, [{ text: 'one' }, { text: 'two;' }]))`,
  `const Note = model('note', { id: t.serial(), text: t.text() })
  const data = define({ models: { Note } })
  data.policy(Note, { anyone: { read: true, create: true } })`,
)

/** A folder with an app whose database is there. */
async function seeded() {
  const folder = folderWith({ 'app.ts': source })
  expect((await new Child([command, 'seed'], { folder }).exit).code).toBe(0)
  return folder
}

async function db(folder: string, args: string[], input?: string) {
  const child = new Child([command, 'db', ...args], { folder, input })
  const { code } = await child.exit
  return { code, out: child.out, err: child.err }
}

describe('monobloc db', () => {
  test('answers one statement, as a table and as JSON', async () => {
    const folder = await seeded()
    const sql = 'select id, text from note order by id'
    expect(await db(folder, [sql])).toEqual({ code: 0, out: 'id  text\n 1  one\n 2  two;\n2 rows\n', err: '' })
    expect(JSON.parse((await db(folder, [sql, '--json', 'app.ts'])).out)).toEqual([
      { id: 1, text: 'one' },
      { id: 2, text: 'two;' },
    ])
    const wrong = await db(folder, ['select zzz'])
    expect(wrong).toEqual({ code: 1, out: '', err: 'no such column: zzz\n' })
  })
  test('only reads, unless it is told to write, and then beside a running app and into its log', async () => {
    const folder = await seeded()
    const insert = `insert into note (text) values ('three')`
    const refused = await db(folder, [insert])
    expect(refused).toMatchObject({ code: 1, out: '', err: 'This only reads; to write: monobloc db --write\n' })
    const app = new Child([command, 'start', '--port=0'], { folder })
    const url = await app.url()
    expect(await db(folder, [insert, '--write'])).toEqual({ code: 0, out: '1 row changed\n', err: '' })
    expect(JSON.parse((await db(folder, [`${insert} returning id`, '--write', '--json'])).out)).toEqual([{ id: 4 }])
    expect(await (await fetch(`${url}/notes?fields=text&sort=-id&limit=1`)).json()).toMatchObject([{ text: 'three' }])
    const log = await db(folder, [
      'select cause, outside from monobloc_commit order by position desc limit 2',
      '--json',
    ])
    expect(JSON.parse(log.out)).toEqual(Array(2).fill({ cause: 'monobloc db', outside: 0 }))
    for (const sql of ['drop table note', 'pragma journal_mode = delete', 'delete from monobloc_log']) {
      expect((await db(folder, [sql, '--write'])).code, sql).toBe(1)
    }
  })
  test('runs the statements of standard input, up to one that fails', async () => {
    const folder = await seeded()
    const { code, out } = await db(
      folder,
      [],
      `.tables\nselect count(*) as n\nfrom note\nwhere text = 'two;';\n.schema note\n`,
    )
    expect(code).toBe(0)
    expect(out).toMatch(/^name\nnote\n1 row\nn\n1\n1 row\nCREATE TABLE "?note"?/)
    const failed = await db(folder, ['--json'], 'select 1 as one;\nnonsense;\nselect 2 as two;\n')
    expect({ code: failed.code, out: failed.out }).toEqual({ code: 1, out: '[{"one":1}]\n' })
    expect(JSON.parse(failed.err)).toHaveProperty('error.message')
  })
  test('says what is missing', async () => {
    const none = await db(folderWith({ 'app.ts': source }), ['select 1'])
    expect(none.code).toBe(78)
    expect(none.err).toContain('monobloc dev makes it')
  })
})

test('a table cuts long values, and shows no control characters', () => {
  const row = { text: `a\n\x1b[31m${'x'.repeat(100)}`, none: null, bytes: new Uint8Array([1, 255]) }
  const [, line] = tableOf([row], false).split('\n')
  expect(line).toMatch(/^a \[31mx+… {2}null {2}x'01ff'$/)
  expect(tableOf([], false)).toBe('no rows\n')
})
test('JSON keeps large numbers exact, as text', () => {
  expect(jsonOf([{ n: 2n ** 60n, b: new Uint8Array([1]) }])).toBe(`[{"n":"1152921504606846976","b":"x'01'"}]`)
})
