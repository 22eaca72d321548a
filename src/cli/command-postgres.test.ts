import { writeFileSync } from 'node:fs'
import pg from 'pg'
import { describe, expect, onTestFinished, test } from 'vitest'
import { appSource, Child, command, folderWith } from '../../test/api/child-app.ts'
import { type DatabaseTemplate, newDatabase } from '../../test/conformance/postgres-database.ts'
import type { Finding } from './doctor-check.ts'

// The commands as they are, on PostgreSQL: each in a process of its own, told by DATABASE_URL.

const source = appSource(
  `data.resource(Note, { at: '/notes' })`,
  `seed: async (db) => void (await db.insert(Note, [{ text: 'one' }, { text: 'two;' }]))`,
  `const Note = model('note', { id: t.serial(), text: t.text().min(1), tag: t.text().nullable() }, { indexes: [['text']] })
  const data = define({ models: { Note } })
  data.policy(Note, { anyone: { read: true, create: true } })`,
)

interface App {
  url: string
  folder: string
  run(args: string[], input?: string): Promise<{ code: number | null; out: string; err: string }>
  start(args: string[]): Child
}

/** @param template what is in its database. Default: nothing */
async function newApp(template?: DatabaseTemplate): Promise<App> {
  const { url, drop } = await newDatabase(template)
  onTestFinished(drop)
  const folder = folderWith({ 'app.ts': source })
  const start = (args: string[], input?: string) =>
    new Child([command, ...args], { folder, input, env: { DATABASE_URL: url } })
  return {
    url,
    folder,
    start,
    async run(args, input) {
      const child = start(args, input)
      const { code } = await child.exit
      return { code, out: child.out, err: child.err }
    },
  }
}

const seeded: DatabaseTemplate = {
  key: 'seeded',
  async prepare(url) {
    const child = new Child([command, 'seed'], { folder: folderWith({ 'app.ts': source }), env: { DATABASE_URL: url } })
    expect(await child.exit).toMatchObject({ code: 0 })
  },
}

async function ask(connectionString: string, sql: string): Promise<any[]> {
  const client = new pg.Client({ connectionString })
  await client.connect()
  try {
    return (await client.query(sql)).rows
  } finally {
    await client.end()
  }
}

describe('an app on PostgreSQL', () => {
  test('starts on an empty database, seeds it once, says where its data is, and keeps it', async () => {
    const { url, start } = await newApp()
    for (let round = 0; round < 2; round++) {
      const child = start(['start', '--port=0'])
      const at = await child.url()
      expect(await (await fetch(`${at}/notes?fields=text&sort=id`)).json()).toEqual([{ text: 'one' }, { text: 'two;' }])
      const { host, pathname, password } = new URL(url)
      await child.says(new RegExp(`"database":"postgres://[^"]*@${host}${pathname}"`))
      if (password) expect(child.text).not.toContain(password)
      child.process.kill('SIGTERM')
      expect((await child.exit).code).toBe(0)
    }
  })
  test('is made and filled by one of several processes that start at once', async () => {
    const { url, start } = await newApp()
    const children = Array.from({ length: 2 }, () => start(['start', '--port=0']))
    await Promise.all(children.map((child) => child.url()))
    expect(await ask(url, 'select count(*)::int as n from note')).toEqual([{ n: 2 }])
  })
  test('follows its models in development, where nothing can be lost', async () => {
    const { folder, url, start } = await newApp()
    const before = start(['dev', '--port=0'])
    await before.url()
    await before.says(/database +postgres:/)
    before.process.kill('SIGTERM')
    await before.exit
    writeFileSync(`${folder}/app.ts`, source.replace('tag: t.text().nullable()', '$&, more: t.integer().nullable()'))
    const after = start(['dev', '--port=0'])
    const at = await after.url()
    expect(await (await fetch(`${at}/notes?fields=text,more&limit=1&sort=id`)).json()).toEqual([
      { text: 'one', more: null },
    ])
    expect(await ask(url, `select count(*)::int as n from note`)).toEqual([{ n: 2 }])
  })
  test('ends with 69 when there is no server, and says where it looked', async () => {
    const folder = folderWith({ 'app.ts': source })
    const env = { DATABASE_URL: 'postgres://ann:secret@127.0.0.1:1/none' }
    const child = new Child([command, 'start', '--port=0'], { folder, env })
    expect((await child.exit).code).toBe(69)
    expect(child.text).toContain('127.0.0.1')
    expect(child.text).not.toContain('secret')
  })
  test('needs no server to say what it serves', async () => {
    const folder = folderWith({ 'app.ts': source })
    const env = { DATABASE_URL: 'postgres://127.0.0.1:1/none' }
    for (const [name, said] of [
      ['routes', '/notes'],
      ['openapi', '"openapi"'],
    ] as const) {
      const child = new Child([command, name], { folder, env })
      expect((await child.exit).code, child.text).toBe(0)
      expect(child.out).toContain(said)
    }
  })
})

describe('monobloc db', () => {
  test('answers in a prompt that knows tables and how they were made', async () => {
    const { run } = await newApp(seeded)
    const sql = 'select id, text from note order by id'
    expect(await run(['db', sql])).toEqual({ code: 0, out: 'id  text\n 1  one\n 2  two;\n2 rows\n', err: '' })
    const { out } = await run(['db'], `.tables\nselect count(*) as n\nfrom note\nwhere text = 'two;';\n.schema note\n`)
    expect(out).toMatch(/^name\nnote\n1 row\nn\n1\n1 row\nCREATE TABLE note \(\n/)
    expect(out).toMatch(/ {2}text text COLLATE "C" NOT NULL,/)
    expect(out).toMatch(/CREATE INDEX .*\(text/)
    const wrong = await run(['db', 'select zzz'])
    expect(wrong).toMatchObject({ code: 1, out: '', err: expect.stringContaining('"zzz"') })
  })
  test('only reads, unless it is told to write, and then into the log', async () => {
    const { run, url } = await newApp(seeded)
    const insert = `insert into note (text) values ('three')`
    expect(await run(['db', insert])).toMatchObject({
      code: 1,
      err: 'This only reads; to write: monobloc db --write\n',
    })
    const written = await run(['db', '--write', '--json'], `${insert};\n${insert} returning text;\ndrop table note;\n`)
    expect(written).toMatchObject({ code: 1, out: '{"changes":1}\n[{"text":"three"}]\n' })
    expect(JSON.parse(written.err)).toMatchObject({ error: { code: 'statement_refused' } })
    // What each unit of work says of itself.
    expect(await ask(url, `select from monobloc_log where row like '%monobloc db%'`)).toHaveLength(2)
  })
})

describe('monobloc seed and reset', () => {
  test('fill a database, and begin anew with one that has only what is the app’s', async () => {
    const { run, url } = await newApp()
    expect(await run(['seed'])).toMatchObject({ code: 0, out: 'The database is filled.\n' })
    await ask(url, `insert into note (text) values ('more'); create table foreign_one (n int)`)
    const asked = await run(['reset'])
    expect(asked.code).toBe(64)
    expect(await ask(url, 'select count(*)::int as n from note')).toEqual([{ n: 3 }])
    const refused = await run(['reset', '--yes'])
    expect(refused).toMatchObject({ code: 78, err: expect.stringContaining('foreign_one') })
    await ask(url, 'drop table foreign_one')
    const { code, out, err } = await run(['reset', '--yes'])
    expect(code, err).toBe(0)
    expect(out).toMatch(/^postgres:\S+ is made anew and filled\.\n$/)
    expect(await ask(url, 'select count(*)::int as n from note')).toEqual([{ n: 2 }])
  })
})

describe('monobloc doctor', () => {
  const of = (findings: Finding[], check: string) => findings.filter((finding) => finding.check === check)
  const durable = ['synchronous_commit', 'fsync', 'full_page_writes']

  test('looks at the server, its settings and the tables', async () => {
    const { run, url } = await newApp(seeded)
    const { code, out } = await run(['doctor', '--json'])
    const findings = JSON.parse(out) as Finding[]
    expect(of(findings, 'database')).toMatchObject([{ status: 'ok', found: expect.stringMatching(/^PostgreSQL \d+/) }])
    for (const check of ['connections', 'server clock', 'models']) {
      expect(of(findings, check), out).toMatchObject([{ status: 'ok' }])
    }
    // The server of the tests may do without fsync: what is off is said, and nothing else.
    const off = []
    for (const name of durable) if ((await ask(url, `show ${name}`))[0]![name] === 'off') off.push(name)
    const said = of(findings, 'durability')
    if (off.length === 0) expect(said).toMatchObject([{ status: 'ok' }])
    else expect(said.map(({ found }) => found.split(' ')[0])).toEqual(off)
    expect(code).toBe(0)
  })
  test('warns of commits that do not wait for the disk, what was never checked, and what the models lack', async () => {
    // Set for the database it would be on all the same: only the address can say it.
    const { url, folder } = await newApp(seeded)
    const env = { DATABASE_URL: `${url}?options=-c%20synchronous_commit%3Doff` }
    await ask(url, 'alter table note add constraint odd check (id < 1000) not valid; drop index "note-text-index"')
    const doctor = new Child([command, 'doctor', '--json'], { folder, env })
    await doctor.exit
    const findings = JSON.parse(doctor.out) as Finding[]
    expect(of(findings, 'durability')).toContainEqual(
      expect.objectContaining({ status: 'warn', found: expect.stringContaining('synchronous_commit') }),
    )
    expect(of(findings, 'models')).toMatchObject([{ status: 'warn', found: expect.stringContaining('note') }])
    expect(of(findings, 'references')).toMatchObject([{ status: 'warn', found: expect.stringContaining('odd') }])
  })
  test('says that it can not be reached', async () => {
    const folder = folderWith({ 'app.ts': source })
    const env = { DATABASE_URL: 'postgres://127.0.0.1:1/none' }
    const child = new Child([command, 'doctor', '--json'], { folder, env })
    expect((await child.exit).code).toBe(1)
    expect(of(JSON.parse(child.out), 'database')).toMatchObject([
      { status: 'fail', remedy: expect.stringContaining('DATABASE_URL') },
    ])
  })
})

test('monobloc explain shows what the server has counted', async () => {
  const { run, url } = await newApp(seeded)
  await ask(url, `insert into note (text, tag) select 'n' || n, 't' || n % 100 from generate_series(1, 5000) n`)
  await ask(url, 'analyze note')
  const found = await run(['explain', '/notes?text=n17', '--json'])
  expect(found.code, found.err).toBe(0)
  expect(JSON.parse(found.out)).toMatchObject({
    answer: { status: 200 },
    runs: 'on the server',
    statements: [{ indexes: [expect.stringContaining('note')], scans: [], tables: ['note'], examined: 1 }],
  })
  const scanned = await run(['explain', '/notes?tag=t17', '--json'])
  expect(scanned.code).toBe(1)
  expect(JSON.parse(scanned.out).statements[0]).toMatchObject({
    scans: [{ table: 'note', suggestion: expect.stringContaining(`indexes: [['tag'`) }],
  })
})
