import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { appSource, Child, command, folderWith } from '../../test/api/child-app.ts'
import type { Command, Terminal } from './command.ts'
import { migrateCommand } from './command-migrate.ts'
import { resetCommand } from './command-reset.ts'
import { seedCommand } from './command-seed.ts'

const data = (fields: string) => `const Note = model('note', { id: t.serial(), ${fields} })
  const { endpoint: dataEndpoint, policy } = define({ models: { Note } })
  policy(Note, { anyone: { read: true, create: true } })
  const list = dataEndpoint('GET /notes', { anyone: true, handle: ({ db }) => db.find(Note) })`
const source = (fields: string) => appSource('list', `seed: (db) => db.insert(Note, [{ text: 'one' }])`, data(fields))
const first = 'text: t.text(), old: t.text().nullable()'
const second = 'headline: t.text().renamedFrom("text"), rank: t.integer()'

let folder: string
beforeEach(() => {
  folder = folderWith({ 'first.ts': source(first), 'second.ts': source(second) })
  // Commands set the mode for the app's own code.
  vi.stubEnv('NODE_ENV', 'development')
})
afterEach(() => vi.unstubAllEnvs())

const noProgress: Terminal['progress'] = () => () => {}

/** A command in this process, on one of the two apps. */
async function run(of: Command, line: string, app = 'first.ts', options = {}) {
  let [out, err] = ['', '']
  const terminal: Terminal = {
    out: (text) => void (out += text),
    err: (text) => void (err += text),
    colour: false,
    folder,
    progress: noProgress,
  }
  const code = await of.run(options, app, terminal, line.split(' '))
  return { code, out, err }
}

const migrate = (verb: string, app?: string, options = {}) => run(migrateCommand, verb, app, options)
const edit = (name: string, change: (text: string) => string) => {
  const file = path.join(folder, 'migrations', name)
  writeFileSync(file, change(readFileSync(file, 'utf8')))
}
const start = (app: string, verb = 'start') => new Child([command, verb, app], { folder, env: { PORT: '0' } })

describe('monobloc migrate', { timeout: 120_000 }, () => {
  test('takes an app from its first tables to others: plan, consent, value, apply, status, history', async () => {
    expect((await migrate('status')).out).toContain('There is no migration file yet')
    expect((await migrate('plan', 'first.ts', { name: 'initial' })).out).toContain(
      'Written to migrations/0001-initial.sql',
    )
    expect(await migrate('apply')).toMatchObject({ code: 0, out: 'Applied 0001-initial\n' })
    await run(seedCommand, '')

    const planned = JSON.parse((await migrate('plan', 'second.ts', { json: true })).out)
    expect(planned).toMatchObject({ file: null, steps: [{ safe: true }, { safe: false, wanting: ['note.rank'] }] })
    expect((await migrate('plan', 'second.ts')).out).toContain(
      'needs consent: drop note.old (0 of 1 rows have a value)',
    )
    await migrate('plan', 'second.ts', { name: 'headline' })
    await expect(migrate('apply', 'second.ts')).rejects.toThrow(
      '0002-headline lacks the line "-- consent: drop note.old"',
    )
    edit('0002-headline.sql', (text) => text.replace('consent needed:', 'consent:'))
    await expect(migrate('apply', 'second.ts')).rejects.toThrow(
      /NOT NULL constraint failed: note\.rank.*write one in place of NULL/,
    )
    edit('0002-headline.sql', (text) => text.replace(/^ {2}NULL$/m, '  length("headline")'))

    const status = await migrate('status', 'second.ts', { json: true })
    expect(status.code).toBe(1)
    expect(JSON.parse(status.out)).toMatchObject({
      files: [{ state: 'applied' }, { name: '0002-headline', state: 'pending' }],
    })
    const early = start('second.ts')
    expect((await early.exit).code).toBe(78)
    expect(early.err).toContain('0002-headline')

    const applied = await migrate('apply', 'second.ts', { json: true })
    expect(JSON.parse(applied.out)).toMatchObject({ applied: ['0002-headline'], mended: [] })
    expect(applied.err).toBe('rehearsing on a copy …\nbacking up …\n')
    expect(await migrate('apply', 'second.ts')).toMatchObject({
      code: 0,
      out: 'Nothing to do: every file is applied.\n',
    })
    expect((await migrate('status', 'second.ts')).code).toBe(0)
    expect(JSON.parse((await migrate('history', 'second.ts', { json: true })).out)).toMatchObject([
      { name: '0001-initial' },
      { name: '0002-headline' },
    ])
    const backups = path.join(folder, 'data/backups')
    for (let day = 1; day <= 6; day++)
      writeFileSync(path.join(backups, `app-before-0001-x-2026-01-0${day}T00-00-00-000Z.db`), '')
    writeFileSync(path.join(backups, 'mine.db'), '')
    writeFileSync(path.join(folder, 'migrations/0003-nothing.sql'), '-- data: nothing\nUPDATE note SET rank = rank;\n')
    await migrate('apply', 'second.ts')
    expect(readdirSync(backups).sort()).toEqual([
      'app-before-0001-x-2026-01-04T00-00-00-000Z.db',
      'app-before-0001-x-2026-01-05T00-00-00-000Z.db',
      'app-before-0001-x-2026-01-06T00-00-00-000Z.db',
      expect.stringContaining('app-before-0002-headline-'),
      expect.stringContaining('app-before-0003-nothing-'),
      'mine.db',
    ])
    edit('0003-nothing.sql', (text) => `${text}-- more\n`)
    expect((await migrate('plan', 'second.ts')).out).toMatch(
      /^0003-nothing changed since it was applied: put the file back/,
    )
    expect(JSON.parse((await migrate('plan', 'second.ts', { json: true })).out).changed).toEqual(['0003-nothing'])
    edit('0003-nothing.sql', (text) => text.replace('-- more\n', ''))
    const served = start('second.ts')
    expect(await (await fetch(`${await served.url()}/notes`)).json()).toEqual([{ id: 1, headline: 'one', rank: 3 }])
  })

  test('an app starts on a database that a later version has added to, and not on one that it has changed', async () => {
    await migrate('plan', 'first.ts', { name: 'initial' })
    const later = path.join(folder, 'migrations', '0002-later.sql')
    const laterStill = path.join(folder, 'migrations', '0003-later-still.sql')
    writeFileSync(later, '-- step: more\nALTER TABLE note ADD COLUMN more TEXT;\n')
    await migrate('apply')
    rmSync(later)
    const served = start('first.ts')
    expect((await fetch(`${await served.url()}/notes`)).status).toBe(200)
    expect(served.text).toContain('0002-later')
    served.process.kill('SIGTERM')
    await served.exit
    writeFileSync(later, '-- step: more\nALTER TABLE note ADD COLUMN more TEXT;\n')
    writeFileSync(laterStill, '-- step: other words\nALTER TABLE note RENAME COLUMN text TO words;\n')
    expect(await migrate('apply')).toMatchObject({ code: 0 })
    rmSync(later)
    rmSync(laterStill)
    const older = start('first.ts')
    expect((await older.exit).code).toBe(78)
    expect(older.err).toMatch(/newer than this app[\s\S]*0002-later, 0003-later-still[\s\S]*column note.words/)
  })

  test('a program is a data step, with a db that acts as the system', async () => {
    await migrate('plan', 'first.ts', { name: 'initial' })
    await migrate('apply')
    await run(seedCommand, '')
    const program = `export async function migrate(db) {
      await db.sql.updateTable('note').set({ text: 'ONE' }).execute()
    }`
    writeFileSync(path.join(folder, 'migrations/0002-shout.js'), program)
    expect(await migrate('apply')).toMatchObject({ code: 0 })
    writeFileSync(path.join(folder, 'migrations/0003-nothing.js'), 'export const migrat = 1')
    await expect(migrate('apply')).rejects.toThrow('0003-nothing.js exports no function migrate(db)')
    const served = start('first.ts', 'dev')
    // It has no consents, so `dev` tries it too.
    await served.says(/exports no function/)
  })
})

test('monobloc dev renames what the models say, and asks where it can not know', { timeout: 120_000 }, async () => {
  writeFileSync(
    path.join(folder, 'third.ts'),
    source('headline: t.text().renamedFrom("text"), old: t.text().nullable().default("x")'),
  )
  await run(seedCommand, '')
  const served = start('third.ts', 'dev')
  expect(await (await fetch(`${await served.url()}/notes`)).json()).toEqual([{ id: 1, headline: 'one', old: null }])
  served.process.kill('SIGTERM')
  await served.exit
  await migrate('plan', 'third.ts', { name: 'initial' })
  await migrate('apply', 'third.ts')
  expect((await migrate('status', 'third.ts')).code).toBe(0)
  writeFileSync(path.join(folder, 'fourth.ts'), source('headline: t.text(), older: t.text().nullable().default("x")'))
  await start('fourth.ts', 'dev').says(/note\.old is gone and note\.older is new[\s\S]*waiting for a change/)
  const { out } = await migrate('plan', 'fourth.ts', { name: 'older' })
  expect(out).toContain('write so, delete migrations/0002-older.sql and plan again')
  expect((await migrate('status', 'fourth.ts')).out).toMatch(/pending {2}0002-older\n\npending: monobloc migrate apply/)
  edit('0002-older.sql', (text) => text.replace('SELECT', 'SELEKT'))
  await expect(migrate('apply', 'fourth.ts')).rejects.toThrow(
    /step: drop column note.old.*syntax error at: INSERT INTO/,
  )
})

describe('monobloc seed and reset', { timeout: 120_000 }, () => {
  test('fill and begin anew, and are refused in production and to nobody', async () => {
    expect(await run(seedCommand, '')).toMatchObject({ code: 0 })
    expect(await run(seedCommand, '', 'first.ts', { json: true })).toMatchObject({
      code: 0,
      out: '{\n  "changes": []\n}\n',
    })
    const nobody = await run(resetCommand, '')
    expect(nobody).toMatchObject({ code: 64, out: '' })
    expect(nobody.err).toContain('Nothing was deleted')
    vi.stubEnv('NODE_ENV', 'production')
    await expect(run(resetCommand, '', 'first.ts', { yes: true })).rejects.toMatchObject({
      code: 'configuration_invalid',
    })
    await expect(run(seedCommand, '')).rejects.toMatchObject({ code: 'configuration_invalid' })
    vi.stubEnv('NODE_ENV', 'development')
    const reset = await run(resetCommand, '', 'first.ts', { yes: true, json: true })
    expect(JSON.parse(reset.out)).toEqual({ file: 'data/app.db', seeded: true })
    const served = start('first.ts', 'dev')
    expect(await (await fetch(`${await served.url()}/notes`)).json()).toHaveLength(1)
    // A database that a program has open is left alone.
    await expect(run(resetCommand, '', 'first.ts', { yes: true })).rejects.toMatchObject({ code: 'database_busy' })
    expect(await (await fetch(`${await served.url()}/notes`)).json()).toHaveLength(1)
  })
})
