import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { Worker } from 'node:worker_threads'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { model, Schema, t } from '../../schema/index.ts'
import type { ApplyOptions, MigrationProgress } from '../migrations/migration.ts'
import { migrationText, nextMigrationName, readMigrationFiles } from '../migrations/migration-file.ts'
import { createSqliteMigrator } from './sqlite-migrator.ts'
import { createSqliteStorage } from './sqlite-storage.ts'

let folder: string
let file: string
let migrations: string
beforeEach(() => {
  folder = mkdtempSync(path.join(os.tmpdir(), 'migrator-'))
  file = path.join(folder, 'app.db')
  migrations = path.join(folder, 'migrations')
  mkdirSync(migrations)
})
afterEach(() => rmSync(folder, { recursive: true }))

const migrator = (testing = {}) => createSqliteMigrator({ file, testing } as never)
const files = () => readMigrationFiles(migrations)
const write = (name: string, text: string) => writeFileSync(path.join(migrations, name), text)

const Writer = model('writer', { id: t.serial(), name: t.text() })
const article = (fields = {}, options = {}) =>
  new Schema([
    Writer,
    model(
      'article',
      {
        id: t.serial(),
        title: t.text(),
        body: t.text().nullable(),
        writer: t.ref(Writer).onDelete('cascade'),
        ...fields,
      },
      options,
    ),
  ])
const base = article()

/** Writes the difference into a file, with every consent, and says its text. */
async function plan(schema: Schema, edit = (text: string) => text.replaceAll('consent needed', 'consent')) {
  const { steps, losses } = await migrator().plan(files(), schema)
  const name = nextMigrationName(files(), 'next')
  const text = edit(migrationText(name, steps, losses))
  write(`${name}.sql`, text)
  return text
}

const apply = (schema: Schema, options: Partial<ApplyOptions> = {}, testing = {}) =>
  migrator(testing).apply({ files: files(), schema, runProgram: () => {}, ...options })

function sql<T = Record<string, unknown>>(text: string): T[] {
  const db = new DatabaseSync(file, { timeout: 5000 })
  try {
    return db.prepare(text).all() as T[]
  } finally {
    db.close()
  }
}

const run = (text: string) => {
  const db = new DatabaseSync(file)
  db.exec(text)
  db.close()
}

/** A database of the first models, with two articles. */
async function start(schema = base): Promise<void> {
  await plan(schema)
  await apply(schema)
  run(
    "insert into writer values (1, 'ann'), (2, 'bob'); insert into article (title, body, writer) values ('one', 'b', 1), ('two', null, 2)",
  )
}

describe('a plan', () => {
  test('asks whether what goes beside what comes is the same', async () => {
    await start()
    const { questions } = await migrator().plan(files(), article2())
    expect(questions).toEqual([
      "article.body is gone and article.text is new. If it is the same, write text: ….renamedFrom('body').",
    ])
  })
  test('says what would be lost, in rows', async () => {
    await start()
    const { losses, steps } = await migrator().plan(files(), article2())
    expect(losses).toEqual({ 'drop article.body': '1 of 2 rows have a value' })
    expect(steps.map(({ safe }) => safe)).toEqual([true, false])
  })
  test('is empty when nothing is to do, and a second apply too', async () => {
    await start()
    expect(await migrator().plan(files(), base)).toEqual({ steps: [], questions: [], losses: {} })
    expect(await apply(base)).toEqual({ applied: [], backup: undefined, mended: [] })
  })
})

function article2(): Schema {
  const Article = model('article', {
    id: t.serial(),
    title: t.text(),
    text: t.text().nullable(),
    writer: t.ref(Writer).onDelete('cascade'),
  })
  return new Schema([Writer, Article])
}

describe('an apply', () => {
  test('refuses what is lost without consent, also where somebody wrote it by hand', async () => {
    await start()
    await plan(article2(), (text) => text)
    await expect(apply(article2())).rejects.toMatchObject({
      code: 'migration_refused',
      violations: [{ code: 'consent_needed', message: '0002-next lacks the line "-- consent: drop article.body"' }],
    })
    write('0002-next.sql', '-- step: by hand\nDROP TABLE article;')
    await expect(apply(base)).rejects.toThrow('drop article')
    write('0002-next.sql', '-- step: by hand\n-- consent: drop article\nDROP TABLE article;')
    expect((await apply(new Schema([Writer]))).applied).toEqual(['0002-next'])
  })
  test('keeps rows, references, numbers and what other programs made, and tells the log in an entry a table', async () => {
    await start()
    run(
      'delete from article where id = 2; create index theirs on article (title); create view titles as select title from article; create trigger mine after insert on article begin select 1; end',
    )
    const storage = createSqliteStorage({ file })
    await storage.open()
    const before = await storage.position()
    const next = article({ title: t.text().nullable(), createdAt: t.createdAt() }, { search: ['title'] })
    await plan(next)
    const { backup, applied } = await apply(next)
    expect(applied).toEqual(['0002-next'])
    expect(sql('select id, title, body, writer from article')).toEqual([{ id: 1, title: 'one', body: 'b', writer: 1 }])
    expect(sql("select name from sqlite_schema where name in ('theirs', 'titles', 'mine')")).toHaveLength(3)
    expect(sql("select seq from sqlite_sequence where name = 'article'")).toEqual([{ seq: 2 }])
    expect(await storage.compare(next)).toEqual([])
    const [logged, ...more] = await storage.tail(before, 10)
    expect(more).toEqual([])
    expect(logged).toMatchObject({
      cause: 'migration 0002-next',
      entries: [{ table: 'article', operation: 'migrate', row: {} }],
    })
    await storage.close()
    const copy = new DatabaseSync(backup!)
    expect(copy.prepare('select count(*) as n from pragma_table_info(?)').get('article')).toEqual({ n: 4 })
    copy.close()
    expect(readdirSync(folder).filter((name) => name.includes('rehearsal'))).toEqual([])
  })
  test('runs data steps and programs between, whose rows the log is told of, with references acted on', async () => {
    await start()
    write('0002-data.sql', "-- data: bob goes\nDELETE FROM writer WHERE name = 'bob';\n")
    write('0003-program.ts', '')
    await apply(base, {
      runProgram: ({ name }, session) => void session.raw('update article set title = ? where id = 1', [name]),
    })
    expect(sql('select id, title from article')).toEqual([{ id: 1, title: '0003-program' }])
    const storage = createSqliteStorage({ file })
    await storage.open()
    const logged = (await storage.tail(0, 10)).slice(-2)
    await storage.close()
    expect(logged.map(({ entries }) => entries.map(({ table, operation }) => `${operation} ${table}`))).toEqual([
      ['delete article', 'delete writer'],
      ['update article'],
    ])
    expect(sql('select name from monobloc_migration').map(({ name }) => name)).toEqual([
      '0001-next',
      '0002-data',
      '0003-program',
    ])
  })
  test.each([
    ['rows that a step removes', '-- step: x\nDELETE FROM article;', 'a step must keep every row'],
    ['a value that is missing', '-- data: x\nUPDATE article SET title = NULL;', 'NOT NULL constraint failed'],
    [
      'a reference that leads nowhere',
      '-- data: x\nUPDATE article SET writer = 9;',
      'rows of article refer to rows of writer',
    ],
    ['DDL among data', '-- data: x\nDROP TABLE article;', 'Refused: DROP'],
    ['the end of the transaction', '-- step: x\nCOMMIT;', "COMMIT can't be part"],
    ['a setting', '-- step: x\nPRAGMA foreign_keys = on;', "PRAGMA can't be part"],
    ['a step that does not fit', '-- step: x\nALTER TABLE none RENAME TO some;', 'no such table: none'],
    ['what is not SQL', '-- data: x\nUPDATE;', 'incomplete input'],
    [
      'what no model has',
      '-- step: x\nCREATE TABLE more (a);\n-- data: y\nDELETE FROM monobloc_log;',
      'a write to monobloc_log',
    ],
  ])('refuses %s whole, and changes nothing', async (_, text, words) => {
    await start()
    write('0002-wrong.sql', text)
    write('0003-never.sql', '-- step: x\nCREATE TABLE never (a);')
    await expect(apply(base)).rejects.toThrow(words)
    expect(sql('select count(*) as n from article')).toEqual([{ n: 2 }])
    expect(sql("select name from sqlite_schema where name in ('never', 'more')")).toEqual([])
    expect(await migrator().history()).toHaveLength(1)
  })
  test('refuses a file that was changed, that comes late, and a database that has one more', async () => {
    await start()
    write('0003-later.sql', '')
    await apply(base)
    write('0002-late.sql', '')
    await expect(apply(base)).rejects.toThrow('0002-late was not applied, and a later one was')
    rmSync(path.join(migrations, '0002-late.sql'))
    write('0003-later.sql', '-- changed')
    await expect(apply(base)).rejects.toThrow('Changed since it was applied: 0003-later')
    expect((await migrator().status(files(), base)).files.map(({ state }) => state)).toEqual(['applied', 'changed'])
    rmSync(path.join(migrations, '0003-later.sql'))
    await expect(apply(base)).rejects.toMatchObject({ code: 'schema_newer' })
  })
  test('is refused without space for it: at what it needs it is done, a byte below it is not', async () => {
    await start()
    write('0002-x.sql', '-- step: x\nCREATE TABLE more (a);')
    const error = await apply(base, {}, { free: 0 }).catch((one) => one)
    expect(error).toMatchObject({ code: 'database_full' })
    const needed = 3 * sizes() + 16 * 1024 * 1024
    await expect(apply(base, {}, { free: needed - 1 })).rejects.toMatchObject({ code: 'database_full' })
    expect((await apply(base, {}, { free: needed })).applied).toEqual(['0002-x'])
  })
  test('two at once: one does it, and the other finds it done', async () => {
    await start()
    await plan(article({ more: t.text().nullable() }))
    const schema = article({ more: t.text().nullable() })
    const done = await Promise.all([apply(schema), apply(schema)])
    expect(done.map(({ applied }) => applied.length).sort()).toEqual([0, 1])
  })
  test('waits for who holds the database, and says so when that takes too long', async () => {
    await start()
    write('0002-x.sql', '-- step: x\nCREATE TABLE more (a);')
    const holder = new DatabaseSync(file)
    holder.exec('begin immediate')
    await expect(apply(base, { waitMillis: 0 })).rejects.toMatchObject({ code: 'database_busy' })
    const waiting = apply(base)
    holder.exec('commit')
    expect((await waiting).applied).toEqual(['0002-x'])
    holder.close()
  })
  test('says how far the copy of a table is', async () => {
    await start()
    const seen: MigrationProgress[] = []
    const next = article({ body: t.text() })
    await plan(next, (text) =>
      text.replaceAll('consent needed', 'consent').replace(/^ {2}"body",$/m, '  coalesce("body", \'\'),'),
    )
    await apply(next, { onProgress: (step) => seen.push(step) }, { bigTable: 2 })
    const copying = [1, 2].map((done) => ({ what: 'copying article', done, total: 2 }))
    expect(seen).toEqual([{ what: 'rehearsing on a copy' }, ...copying, { what: 'backing up' }, ...copying])
  })
})

function sizes(): number {
  const db = new DatabaseSync(file)
  const { n } = db.prepare('select page_count * page_size as n from pragma_page_count, pragma_page_size').get() as {
    n: number
  }
  db.close()
  return n
}

describe('a database that somebody changed', () => {
  test('is told of, and refused where it would not become what the models say', async () => {
    await start()
    run('drop trigger monobloc_log_article_insert; drop trigger monobloc_log_article_update')
    run('drop trigger monobloc_log_article_delete; alter table article drop column body')
    expect((await migrator().status(files(), base)).drift).toEqual(['drop column article.body'])
    run('alter table writer add column extra text')
    write('0002-x.sql', '-- step: x\nCREATE TABLE more (a);')
    await expect(apply(base)).rejects.toThrow('is not what its files have made')
  })
  test('by `dev` keeps what is in it when the file comes, and the file is not run twice', async () => {
    await start()
    const next = article({ more: t.text().nullable(), body: t.text().nullable().default('none') })
    expect((await migrator().follow(next)).steps.every(({ safe }) => safe)).toBe(true)
    run("update article set more = 'kept'")
    const text = await plan(next)
    expect(text).toContain('ADD COLUMN "more"')
    expect((await apply(next)).applied).toEqual(['0002-next'])
    expect(sql('select more from article')).toEqual([{ more: 'kept' }, { more: 'kept' }])
    expect(await migrator().status(files(), next)).toMatchObject({ drift: [], unplanned: [] })
  })
  test('before there were files is taken as it is', async () => {
    const storage = createSqliteStorage({ file })
    await storage.open()
    await storage.apply(base, await storage.compare(base))
    await storage.close()
    run("insert into writer values (1, 'ann')")
    const next = article({ more: t.text().nullable() })
    await plan(next)
    expect(await apply(next)).toMatchObject({ applied: ['0001-next'], mended: ['add column article.more'] })
    expect(sql('select name from writer')).toEqual([{ name: 'ann' }])
  })
})

describe('dev', () => {
  test('renames and rebuilds by itself what loses nothing, and nothing else', async () => {
    await start()
    const renamed = new Schema([
      Writer,
      model(
        'post',
        {
          id: t.serial(),
          headline: t.text().nullable().renamedFrom('title'),
          body: t.text().nullable(),
          writer: t.ref(Writer).onDelete('cascade'),
        },
        { renamedFrom: 'article' },
      ),
    ])
    await migrator().follow(renamed)
    expect(sql('select headline from post')).toEqual([{ headline: 'one' }, { headline: 'two' }])
    const { steps } = await migrator().follow(new Schema([Writer, model('post', { id: t.serial() })]))
    expect(steps.some(({ safe }) => !safe)).toBe(true)
    expect(sql('select headline from post')).toHaveLength(2)
  })
})

describe('a removal', () => {
  test('is refused while somebody has the database open, and leaves nothing', async () => {
    await start()
    const storage = createSqliteStorage({ file })
    await storage.open()
    await expect(migrator().remove()).rejects.toMatchObject({ code: 'database_busy' })
    const left = ['', '-wal', '-shm'].map((end) => [file + end, readFileSync(file + end)] as const)
    await storage.close()
    // As one leaves it that was killed.
    for (const [name, bytes] of left) writeFileSync(name, bytes)
    await migrator().remove()
    expect(readdirSync(folder)).toEqual(['migrations'])
  })
  test('takes nothing of a database that somebody makes at once in its place', async () => {
    await start()
    const made = [file, `${file}-wal`]
    const maker = new Worker(
      `const { openSync } = require('node:fs'); const { parentPort, workerData } = require('node:worker_threads')
      parentPort.postMessage('ready')
      for (const file of workerData) for (;;) try { openSync(file, 'wx'); break } catch {}`,
      { eval: true, workerData: made },
    )
    await once(maker, 'message')
    await migrator().remove()
    await once(maker, 'exit')
    expect(made.filter((file) => existsSync(file))).toEqual(made)
  })
})
