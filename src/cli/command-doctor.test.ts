import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { describe, expect, onTestFinished, test } from 'vitest'
import { appSource, Child, command, folderWith, hello, users } from '../../test/api/child-app.ts'
import type { Finding, Patient } from './doctor-check.ts'
import { checkClock, checkNode } from './doctor-machine.ts'

const models = `const Person = model('person', { id: t.id(), name: t.text() })
  const Note = model('note', { id: t.id(), text: t.text(), get author() { return t.ref(Person) } })
  const { endpoint: dataEndpoint } = define({ models: { Person, Note } })
  const list = dataEndpoint('GET /notes', { anyone: true, handle: ({ db }) => db.find(Note) })`
const app = appSource('list', '', models)

async function doctor(folder: string, args: string[] = [], env: Record<string, string> = {}) {
  const child = new Child([command, 'doctor', '--json', ...args], { folder, env: { PORT: '0', ...env } })
  const { code } = await child.exit
  const findings = JSON.parse(child.out) as Finding[]
  const of = (check: string) => findings.filter((finding) => finding.check === check)
  return { code, of, checks: findings.map(({ check, status }) => `${check} ${status}`) }
}

/** The folder of an app that has run once. */
async function usedFolder(): Promise<string> {
  const folder = folderWith({ 'app.ts': app })
  const child = new Child([command, 'dev', '--port', '0'], { folder })
  await child.url()
  child.process.kill('SIGTERM')
  expect((await child.exit).code).toBe(0)
  return folder
}

describe('monobloc doctor', () => {
  test('finds nothing wrong with a new app, and writes nothing', async () => {
    const folder = folderWith({ 'app.ts': app })
    const { code, checks } = await doctor(folder)
    expect(checks).toEqual([
      'node ok',
      'app ok',
      'configuration ok',
      'clock ok',
      'port ok',
      'data ok',
      'disk ok',
      'database ok',
    ])
    expect(code).toBe(0)
    expect(readdirSync(folder)).toEqual(['app.ts'])
  })
  test('looks at no database where there are no models', async () => {
    const { code, checks } = await doctor(folderWith({ 'app.ts': appSource(hello) }))
    expect(checks).toEqual(['node ok', 'app ok', 'configuration ok', 'clock ok', 'port ok'])
    expect(code).toBe(0)
  })
  test('checks the database of an app that has run', async () => {
    const { code, checks } = await doctor(await usedFolder())
    expect(checks.slice(-4)).toEqual(['integrity ok', 'references ok', 'storage ok', 'models ok'])
    expect(code).toBe(0)
  })
  test('finds a damaged file', async () => {
    const folder = await usedFolder()
    const file = path.join(folder, 'data', 'app.db')
    const db = new DatabaseSync(file)
    db.exec('PRAGMA ignore_check_constraints = ON')
    db.exec(
      `INSERT INTO person (id, name) SELECT 'p' || value, 'x' FROM json_each('[${Array.from({ length: 200 }, (_, at) => at)}]')`,
    )
    const pages = db.prepare(`SELECT rootpage FROM sqlite_schema WHERE name = 'person'`).get() as { rootpage: number }
    const { page_size: pageSize } = db.prepare('PRAGMA page_size').get() as { page_size: number }
    db.exec('PRAGMA wal_checkpoint(TRUNCATE)')
    db.close()
    const { openSync, writeSync, closeSync } = await import('node:fs')
    const handle = openSync(file, 'r+')
    writeSync(handle, Buffer.alloc(pageSize / 2, 0xab), 0, pageSize / 2, (pages.rootpage - 1) * pageSize + 100)
    closeSync(handle)
    const { code, of } = await doctor(folder)
    expect([...of('integrity'), ...of('database')][0]).toMatchObject({
      status: 'fail',
      remedy: expect.stringContaining('backup'),
    })
    expect(code).toBe(1)
  })
  test('finds rows that refer to nothing', async () => {
    const folder = await usedFolder()
    const db = new DatabaseSync(path.join(folder, 'data', 'app.db'), { enableForeignKeyConstraints: false })
    db.exec('PRAGMA ignore_check_constraints = ON')
    db.exec(`INSERT INTO note (id, text, author) VALUES ('n', 'x', 'nobody')`)
    db.close()
    const { code, of } = await doctor(folder)
    expect(of('references')[0]).toMatchObject({ status: 'fail', found: expect.stringContaining('1 rows of note') })
    expect(code).toBe(1)
  })
  test('warns of models that the database lacks, and leaves it as it is', async () => {
    const folder = await usedFolder()
    writeFileSync(
      path.join(folder, 'app.ts'),
      app.replace('text: t.text()', 'text: t.text(), more: t.text().nullable()'),
    )
    for (let run = 0; run < 2; run++) {
      const { code, of } = await doctor(folder)
      expect(of('models')[0]).toMatchObject({
        status: 'warn',
        found: expect.stringContaining('more'),
        remedy: expect.stringContaining('monobloc dev'),
      })
      expect(code).toBe(0)
    }
  })
  test('tells which migrations are not applied, changed, or lacking', async () => {
    const folder = folderWith({ 'app.ts': app })
    const migrate = async (...args: string[]) => {
      expect((await new Child([command, 'migrate', ...args], { folder }).exit).code).toBe(0)
    }
    const found = async () => (await doctor(folder)).of('migrations').map(({ status, found }) => `${status}: ${found}`)
    expect(await found()).toEqual([])
    await migrate('plan', '--name', 'initial')
    expect(await found()).toEqual(['ok: 1 files, applied at the first start'])
    await migrate('apply')
    expect(await found()).toEqual(['ok: 1 applied, and the models are what they make'])
    writeFileSync(
      path.join(folder, 'app.ts'),
      app.replace('text: t.text()', 'text: t.text(), more: t.text().nullable()'),
    )
    expect(await found()).toEqual([expect.stringMatching(/^warn: no file makes: .*more/)])
    await migrate('plan', '--name', 'more')
    expect(await found()).toEqual(['warn: 0002-more is pending'])
    const file = path.join(folder, 'migrations/0001-initial.sql')
    writeFileSync(file, `${readFileSync(file, 'utf8')}\nselect 1;`)
    expect((await found())[0]).toBe('fail: 0001-initial is changed')
  })
  test('tells every problem of the configuration', async () => {
    const source = appSource(users.serve, '', users.before)
    const { code, of } = await doctor(folderWith({ 'app.ts': source }), ['--production'], { MONOBLOC_DRAIN: 'long' })
    expect(of('configuration').map(({ found }) => found)).toEqual([
      expect.stringContaining('MONOBLOC_DRAIN: "long"'),
      expect.stringContaining('MONOBLOC_SECRET: is missing'),
    ])
    expect(code).toBe(1)
  })
  test('tells that the app does not load, and why', async () => {
    const { code, of } = await doctor(folderWith({ 'app.ts': `throw new Error('no such thing')` }))
    expect(of('app')[0]).toMatchObject({ status: 'fail', found: 'no such thing' })
    expect(code).toBe(1)
  })
  test('warns of a port that is taken and of a data folder that is none', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    onTestFinished(() => void server.close())
    await once(server, 'listening')
    const { port } = server.address() as { port: number }
    const folder = folderWith({ 'app.ts': app, data: 'a file' })
    const { code, of } = await doctor(folder, [], { PORT: String(port) })
    expect(of('port')[0]).toMatchObject({ status: 'warn', found: `127.0.0.1:${port} is taken` })
    expect(of('data')[0]).toMatchObject({ status: 'fail', remedy: expect.stringContaining('MONOBLOC_DATA') })
    expect(code).toBe(1)
  })
  test('prints a table for people', async () => {
    const child = new Child([command, 'doctor'], {
      folder: folderWith({ 'app.ts': appSource(hello) }),
      env: { PORT: 'x' },
    })
    expect((await child.exit).code).toBe(1)
    expect(child.out).toMatch(/^ok {4}node {11}Node\.js \d/)
    expect(child.out).toMatch(/^fail {2}configuration {2}PORT: "x" is not a port.*\n {21}Correct every problem/m)
  })
})

describe('the machine', () => {
  test('needs a Node.js that is new enough, and should have one with long-term support', () => {
    expect(checkNode('23.9.0')[0]).toMatchObject({ status: 'fail' })
    expect(checkNode('24.0.0')[0]).toMatchObject({ status: 'ok' })
    expect(checkNode('25.1.0')[0]).toMatchObject({ status: 'warn' })
    expect(checkNode('26.10.0')[0]).toMatchObject({ status: 'ok' })
  })
  test('needs a clock that is not before this release, nor more than five minutes before the database was written', () => {
    const folder = folderWith({})
    mkdirSync(path.join(folder, 'data'))
    const file = path.join(folder, 'data', 'app.db')
    writeFileSync(file, '')
    const now = Date.UTC(2027, 0, 1)
    const patient = { config: { database: { file } } } as unknown as Patient
    const written = (at: number) => utimesSync(file, new Date(at), new Date(at))
    written(now + 5 * 60_000)
    expect(checkClock(patient, now)[0]).toMatchObject({ status: 'ok' })
    written(now + 5 * 60_000 + 1000)
    expect(checkClock(patient, now)[0]).toMatchObject({ status: 'fail' })
    written(0)
    expect(checkClock(patient, Date.UTC(2026, 10, 1) - 1)[0]).toMatchObject({ status: 'fail' })
    expect(checkClock(patient, Date.UTC(2026, 10, 1))[0]).toMatchObject({ status: 'ok' })
    expect(existsSync(file)).toBe(true)
  })
})
