import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { missingServer, newDatabase, type TestDatabase } from '../../../test/conformance/postgres-database.ts'
import { model, Schema, t } from '../../schema/index.ts'
import type { ApplyOptions, MigrationProgress } from '../migrations/migration.ts'
import { migrationText, nextMigrationName, readMigrationFiles } from '../migrations/migration-file.ts'
import { createPostgresMigrator } from './postgres-migrator.ts'
import { createPostgresStorage } from './postgres-storage.ts'

let folder: string
let migrations: string
let database: TestDatabase
let client: pg.Client
const missing = missingServer()
beforeEach(async ({ skip }) => {
  skip(missing !== undefined, missing)
  folder = mkdtempSync(path.join(os.tmpdir(), 'migrator-'))
  migrations = path.join(folder, 'migrations')
  mkdirSync(migrations)
  database = await newDatabase()
  client = new pg.Client(database.url)
  await client.connect()
})
afterEach(async () => {
  if (missing !== undefined) return
  await client.end()
  await database.drop()
  rmSync(folder, { recursive: true })
})

const migrator = (testing = {}) => createPostgresMigrator({ url: database.url, testing } as never)
const files = () => readMigrationFiles(migrations, 'postgresql')
const mark = '-- engine: postgresql\n'
const write = (name: string, text: string) => writeFileSync(path.join(migrations, name), mark + text)

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
  const text = edit(migrationText(name, steps, losses, 'postgresql'))
  writeFileSync(path.join(migrations, `${name}.sql`), text)
  return text
}

const apply = (schema: Schema, options: Partial<ApplyOptions> = {}, testing = {}) =>
  migrator(testing).apply({
    files: files(),
    schema,
    runProgram: () => {},
    backups: path.join(folder, 'backups'),
    ...options,
  })

const sql = async <T = Record<string, unknown>>(text: string) => (await client.query(text)).rows as T[]

/** A database of the first models, with two articles. */
async function start(schema = base): Promise<void> {
  await plan(schema)
  await apply(schema)
  await sql("insert into writer (name) values ('ann'), ('bob')")
  await sql("insert into article (title, body, writer) values ('one', 'b', 1), ('two', null, 2)")
}

async function opened<T>(use: (storage: ReturnType<typeof createPostgresStorage>) => Promise<T>): Promise<T> {
  const storage = createPostgresStorage({ url: database.url })
  await storage.open()
  try {
    return await use(storage)
  } finally {
    await storage.close()
  }
}

/** Nothing of a plan, a rehearsal or a fill. */
async function leftovers(): Promise<string[]> {
  const rows = await sql<{ name: string }>(`
    select nspname as name from pg_namespace where nspname like 'monobloc%'
    union all select relname from pg_class where relname like 'monobloc_old_%' or relname like 'monobloc_new_%'
    union all select attname from pg_attribute where attname like 'monobloc_new_%'
    union all select tgname from pg_trigger where tgname like 'monobloc_fill_%'
    union all select proname from pg_proc where proname like 'monobloc_fill_%'
    union all select conname from pg_constraint where not convalidated
    union all select indexrelid::regclass::text from pg_index where not indisvalid
    union all select name from monobloc_migration_step`)
  return rows.map(({ name }) => name)
}

const renamed = (fields: object) =>
  new Schema([
    Writer,
    model('article', { id: t.serial(), title: t.text(), writer: t.ref(Writer).onDelete('cascade'), ...fields }),
  ])
const withText = renamed({ text: t.text().nullable() })

describe('a plan', () => {
  test('says the same as on SQLite: what may be a rename, and what would be lost', async () => {
    await start()
    const { questions, losses, steps } = await migrator().plan(files(), withText)
    expect(questions).toEqual([
      "article.body is gone and article.text is new. If it is the same, write text: ….renamedFrom('body').",
    ])
    expect(losses).toEqual({ 'drop article.body': '1 of 2 rows have a value' })
    expect(steps.map(({ safe, description }) => [safe, description])).toEqual([
      [true, 'add column article.text'],
      [false, 'drop column article.body'],
    ])
    expect(await migrator().plan(files(), base)).toEqual({ steps: [], questions: [], losses: {} })
    expect(await apply(base)).toEqual({ applied: [], backup: undefined, mended: [] })
  })
  test('is refused with words where the role may make no schema', async () => {
    const role = `monobloc_test_role_${process.pid}_${Date.now()}`
    await sql(`create role ${role} login password 'limited'; grant create, usage on schema public to ${role}`)
    const url = new URL(database.url)
    url.username = role
    url.password = 'limited'
    try {
      const limited = createPostgresMigrator({ url: url.href })
      await expect(limited.plan(files(), base)).rejects.toThrow('GRANT CREATE ON DATABASE')
    } finally {
      await sql(`drop owned by ${role}; drop role ${role}`)
    }
  })
})

describe('an apply', () => {
  test('refuses what is lost without consent, also where somebody wrote it by hand', async () => {
    await start()
    await plan(withText, (text) => text)
    await expect(apply(withText)).rejects.toMatchObject({
      code: 'migration_refused',
      violations: [{ code: 'consent_needed', message: '0002-next lacks the line "-- consent: drop article.body"' }],
    })
    write('0002-next.sql', '-- step: by hand\nDROP TABLE article;')
    await expect(apply(base)).rejects.toThrow('drop article')
    write('0002-next.sql', '-- step: by hand\n-- consent: drop article\nDROP TABLE article;')
    const { applied, backup } = await apply(new Schema([Writer]))
    expect(applied).toEqual(['0002-next'])
    expect(readdirSync(path.join(folder, 'backups'))).toEqual(backup === undefined ? [] : [path.basename(backup)])
  })
  test.each([
    ['in one transaction', {}],
    ['in parts, as on large tables', { bigTable: 1, batchBlocks: 1 }],
  ])('keeps rows, and tells the log in an entry a table: %s', async (_, testing) => {
    const searched = article({}, { search: ['title'] })
    await start(searched)
    const before = await opened((storage) => storage.position())
    const next = article(
      {
        title: t.text().nullable(),
        body: t.text().nullable().unique(),
        made: t.createdAt(),
        slug: t.text(),
        price: t.decimal(8, 2).nullable(),
      },
      { search: ['title', 'slug'], indexes: [['slug']] },
    )
    await plan(next, (text) =>
      text.replaceAll('consent needed', 'consent').replace(/^ {2}NULL$/m, "  lower(title) || '-' || id"),
    )
    const seen: MigrationProgress[] = []
    const { applied } = await apply(next, { onProgress: (step) => seen.push(step) }, testing)
    expect(applied).toEqual(['0002-next'])
    expect(await sql('select id::int, title, body, writer::int, slug from article order by id')).toEqual([
      { id: 1, title: 'one', body: 'b', writer: 1, slug: 'one-1' },
      { id: 2, title: 'two', body: null, writer: 2, slug: 'two-2' },
    ])
    expect(await leftovers()).toEqual([])
    const logged = await opened(async (storage) => {
      expect(await storage.compare(next)).toEqual([])
      return storage.tail(before, 10)
    })
    expect(logged).toMatchObject([
      { cause: 'migration 0002-next', entries: [{ table: 'article', operation: 'migrate', row: {} }] },
    ])
    expect(await migrator().status(files(), next)).toMatchObject({ drift: [], unplanned: [] })
    expect(seen.some(({ what, total }) => what === 'give article.slug its values' && total !== undefined)).toBe(
      'bigTable' in testing,
    )
  })
  test('a new type gets its values exactly, or the file is refused with the value', async () => {
    await start()
    const next = article({ body: t.decimal(6, 2).nullable() })
    await plan(next)
    await expect(apply(next)).rejects.toThrow('not exactly a decimal(6,2): b (a value that the new type can not hold')
    await sql("update article set body = '12.50' where body = 'b'")
    expect((await apply(next)).applied).toEqual(['0002-next'])
    expect(await sql('select body from article order by id')).toEqual([{ body: '12.50' }, { body: null }])
  })
  test('runs data steps and programs between, whose rows the log is told of', async () => {
    await start()
    write('0002-data.sql', "-- data: bob goes\nDELETE FROM writer WHERE name = 'bob';\n")
    writeFileSync(path.join(migrations, '0003-program.ts'), '')
    await apply(base, {
      runProgram: async ({ name }, session) => {
        await session.raw('update article set title = $1 where id = 1', [name])
      },
    })
    expect(await sql('select id::int, title from article')).toEqual([{ id: 1, title: '0003-program' }])
    const logged = await opened(async (storage) => (await storage.tail(0, 10)).slice(-2))
    expect(logged.map(({ entries }) => entries.map(({ table, operation }) => `${operation} ${table}`).sort())).toEqual([
      ['delete article', 'delete writer'],
      ['update article'],
    ])
    expect(logged.map(({ cause }) => cause)).toEqual(['migration 0002-data', 'migration 0003-program'])
  })
  test.each([
    ['rows that a step removes', '-- step: x\nDELETE FROM article;', 'a step must keep every row'],
    ['a value that is missing', '-- data: x\nUPDATE article SET title = NULL;', 'violates not-null constraint'],
    ['a reference that leads nowhere', '-- data: x\nUPDATE article SET writer = 9;', 'violates foreign key'],
    ['DDL among data', '-- data: x\nDROP TABLE article;', "DROP can't be part of a data step"],
    ['the end of the transaction', '-- step: x\nCOMMIT;', "COMMIT can't be part"],
    ['a setting', '-- step: x\nSET lock_timeout = 0;', "SET can't be part"],
    ['another schema', '-- step: x\nDROP TABLE public.article;', 'public.article names a schema'],
    ['a step that does not fit', '-- step: x\nALTER TABLE nothing RENAME TO something;', '"nothing" does not exist'],
    ['what is not SQL', '-- data: x\nUPDATE;', 'syntax error'],
    [
      'a constraint that is not proven',
      '-- step: x\nALTER TABLE article ADD CONSTRAINT c CHECK (id > 0) NOT VALID;\n-- consent: narrow article',
      'VALIDATE CONSTRAINT',
    ],
    ['the tables of Monobloc', '-- data: y\nDELETE FROM monobloc_log;', 'monobloc_log'],
  ])('refuses %s whole, and changes nothing', async (_, text, words) => {
    await start()
    write('0002-wrong.sql', text)
    write('0003-never.sql', '-- step: x\nCREATE TABLE never (a int primary key);')
    await expect(apply(base)).rejects.toThrow(words)
    expect(await sql('select count(*)::int as n from article')).toEqual([{ n: 2 }])
    expect(await sql("select relname from pg_class where relname = 'never'")).toEqual([])
    expect(await migrator().history()).toHaveLength(1)
    expect(await leftovers()).toEqual([])
  })
  test('several at once: one does it, and the others find it done', async () => {
    await plan(base)
    const done = await Promise.all(Array.from({ length: 4 }, () => apply(base)))
    expect(done.map(({ applied }) => applied.length).sort()).toEqual([0, 0, 0, 1])
  })
  test('waits for who holds a table, and says who when that takes too long', async () => {
    await start()
    const next = article({ more: t.text().nullable() })
    await plan(next)
    await sql('begin; update article set title = title')
    await expect(apply(next, { waitMillis: 0 })).rejects.toMatchObject({ code: 'database_busy' })
    const waiting = apply(next)
    await sql('commit')
    expect((await waiting).applied).toEqual(['0002-next'])
  })
})

describe('in parts', () => {
  const big = { bigTable: 1, batchBlocks: 1 }
  const extra = '-- step: x\nALTER TABLE article ADD COLUMN extra text COLLATE "C";\n'
  const index = '-- step: y\nCREATE UNIQUE INDEX CONCURRENTLY "article-title-unique" ON article (title);\n'

  /** Rows that a rehearsal did not see. */
  const between = (text: string) => ({
    onProgress: ({ what }: MigrationProgress) => {
      if (what === 'building article-title-unique') writes.push(sql(text))
    },
  })
  let writes: Promise<unknown>[] = []
  beforeEach(() => {
    writes = []
  })

  test('a part that fails keeps what was done, and the next apply goes on behind it', async () => {
    await start()
    const data = '-- data: z\nUPDATE article SET extra = title;\n'
    write('0002-x.sql', extra + data + index)
    await sql('begin; lock table writer in share mode')
    const stopped = apply(base, between("insert into article (title, writer) values ('one', 1); commit"), big)
    await expect(stopped).rejects.toMatchObject({ code: 'migration_stopped' })
    await Promise.all(writes)
    await expect(stopped).rejects.toThrow(/line 6 \(step: y\): .*article-title-unique/)
    expect((await migrator().status(files(), base)).drift).toEqual(['0002-x was begun, and is not whole'])
    expect(await sql('select indexrelid from pg_index where not indisvalid')).toEqual([])
    await sql("update article set title = 'three', extra = 'mine' where id = 3")
    write('0002-x.sql', extra.replace('extra', 'other') + data + index)
    await expect(apply(base, {}, big)).rejects.toThrow('its statement 1 is not the one that was done')
    write('0002-x.sql', extra + data + index.replace('(title)', '(title, id)'))
    expect((await apply(base, {}, big)).applied).toEqual(['0002-x'])
    // The data step did not run again.
    expect(await sql('select extra from article order by id')).toEqual([
      { extra: 'one' },
      { extra: 'two' },
      { extra: 'mine' },
    ])
    expect(await leftovers()).toEqual([])
  })
  test.each([
    ['in parts', big],
    ['in one transaction', {}],
  ])('an index whose building was cut off is built again, %s', async (_, testing) => {
    await start()
    write('0002-x.sql', index + extra)
    await sql("insert into article (title, writer) values ('one', 1)")
    await sql('create unique index concurrently "article-title-unique" on article (title)').catch(() => {})
    await sql("update article set title = 'three' where id = 3")
    expect(await sql('select 1 from pg_index where not indisvalid')).toHaveLength(1)
    expect((await apply(base, {}, testing)).applied).toEqual(['0002-x'])
    expect(await leftovers()).toEqual([])
  })
  test('rows that are written while a column is filled get their value, and the log hears of them alone', async () => {
    await start()
    await sql("insert into article (title, body, writer) select 'n' || n, '1.50', 1 from generate_series(1, 500) n")
    await sql("update article set body = null where body = 'b'")
    const before = await opened((storage) => storage.position())
    const next = article({ body: t.decimal(6, 2).nullable() })
    await plan(next)
    const onProgress = ({ what, done }: MigrationProgress) => {
      if (what !== 'convert article.body' || done !== 1) return
      writes.push(sql("insert into article (title, body, writer) values ('late', '2.25', 1)"))
      writes.push(sql("update article set body = '3.75' where title in ('n1', 'n500')"))
    }
    await apply(next, { onProgress }, big)
    await Promise.all(writes)
    expect(writes).toHaveLength(2)
    expect(
      await sql("select title, body from article where title in ('one', 'n1', 'n2', 'n500', 'late') order by 1"),
    ).toEqual([
      { title: 'late', body: '2.25' },
      { title: 'n1', body: '3.75' },
      { title: 'n2', body: '1.50' },
      { title: 'n500', body: '3.75' },
      { title: 'one', body: null },
    ])
    const entries = await opened(async (storage) => (await storage.tail(before, 100)).flatMap((one) => one.entries))
    expect(entries.map(({ operation }) => operation).sort()).toEqual(['insert', 'migrate', 'update', 'update'])
    expect(await leftovers()).toEqual([])
  })
  test.each([
    ['inserted', t.decimal(6, 2).nullable(), "INSERT INTO article (title, body, writer) VALUES ('three', 'abc', 1)"],
    ['updated', t.decimal(6, 2).nullable(), "UPDATE article SET body = 'abc' WHERE id = 2"],
    ['updated, and takes null no more', t.decimal(6, 2), "UPDATE article SET body = 'abc' WHERE id = 2"],
  ])('a value that was %s behind the fill, and the new type can not hold, is not lost', async (_, body, meanwhile) => {
    await start()
    await sql("update article set body = '5.00'")
    const next = article({ body })
    await plan(next, (text) =>
      text
        .replaceAll('consent needed', 'consent')
        .replace('-- step: article.body becomes', (becomes) => `-- data: meanwhile\n${meanwhile};\n${becomes}`),
    )
    const stopped = apply(next, {}, big)
    await expect(stopped).rejects.toMatchObject({ code: 'migration_stopped' })
    await expect(stopped).rejects.toThrow('(fill: convert article.body): not exactly a decimal(6,2): abc')
    await sql("update article set title = 'read' where body = 'abc'")
    await sql("update article set body = '7.50' where body = 'abc'")
    expect((await apply(next, {}, big)).applied).toEqual(['0002-next'])
    expect(await sql("select body from article where title = 'read'")).toEqual([{ body: '7.50' }])
    expect(await leftovers()).toEqual([])
  })
  test('what a conversion of one’s own makes null is null', async () => {
    await start()
    const next = article({ body: t.decimal(6, 2).nullable() })
    await plan(next, (text) =>
      text.replaceAll('consent needed', 'consent').replace(/^ {2}CASE WHEN "body".*$/m, '  NULL::numeric'),
    )
    await apply(next, {}, big)
    expect(await sql('select body from article')).toEqual([{ body: null }, { body: null }])
  })
  test('rows that come meanwhile get the value of the fill whose condition they meet, and others none', async () => {
    await start()
    // Cut off at 63 bytes, as the server does, what belongs to each would have one name.
    const tables = ['one', 'two'].map((name) => `${'long_'.repeat(10)}${name}`)
    const each = (text: string) => tables.map((table) => text.replaceAll('%', table)).join('\n')
    write('0002-tables.sql', `-- step: x\n${each('CREATE TABLE % (found int primary key, kind text);')}`)
    await apply(base)
    await sql(each('INSERT INTO % VALUES (1);'))
    // Within a trigger `found` is a variable, too.
    const fill = (value: string, condition: string) =>
      `-- fill: ${value}\nUPDATE % SET kind = '${value}' WHERE ${condition};\n`
    write(
      '0003-fills.sql',
      each(fill('a', 'found < 5') + fill('b', 'found BETWEEN 3 AND 6')) +
        each('\n-- data: meanwhile\nINSERT INTO % SELECT generate_series(2, 7);'),
    )
    expect((await apply(base, {}, big)).applied).toEqual(['0003-fills'])
    for (const table of tables) {
      const kinds = await sql(`select kind from ${table} order by found`)
      expect(kinds.map(({ kind }) => kind)).toEqual(['a', 'a', 'b', 'b', 'b', 'b', null])
    }
    expect(await leftovers()).toEqual([])
  })
})

describe('a database that somebody changed', () => {
  test('is told of, and refused where it would not become what the models say', async () => {
    await start()
    await sql('alter table article drop column body')
    expect((await migrator().status(files(), base)).drift).toEqual(['drop column article.body'])
    await sql('alter table writer add column extra text')
    write('0002-x.sql', '-- step: x\nCREATE TABLE more (a int primary key);')
    await expect(apply(base)).rejects.toThrow('is not what its files have made')
  })
  test('by `dev` keeps what is in it when the file comes, and the file is not run twice', async () => {
    await start()
    const next = article({ more: t.text().nullable(), body: t.text().nullable().default('none') })
    expect((await migrator().follow(next)).steps.every(({ safe }) => safe)).toBe(true)
    await sql("update article set more = 'kept'")
    expect(await plan(next)).toContain('ADD COLUMN "more"')
    expect((await apply(next)).applied).toEqual(['0002-next'])
    expect(await sql('select more from article')).toEqual([{ more: 'kept' }, { more: 'kept' }])
    expect(await migrator().status(files(), next)).toMatchObject({ drift: [], unplanned: [] })
  })
  test('before there were files is taken as it is', async () => {
    await opened(async (storage) => storage.apply(base, await storage.compare(base)))
    await sql("insert into writer (name) values ('ann')")
    const next = article({ more: t.text().nullable() })
    await plan(next)
    expect(await apply(next)).toMatchObject({ applied: ['0001-next'], mended: ['add column article.more'] })
    expect(await sql('select name from writer')).toEqual([{ name: 'ann' }])
  })
})

describe('a reset', () => {
  test('drops what is the app’s, and leaves a schema that others use alone', async () => {
    await start()
    await sql('create table theirs (id int primary key)')
    await expect(migrator().remove()).rejects.toThrow("what is not the app's: theirs")
    expect(await sql('select count(*)::int as n from article')).toEqual([{ n: 2 }])
    await sql('drop table theirs')
    await opened(async () => {
      await expect(migrator().remove()).rejects.toMatchObject({ code: 'database_busy' })
    })
    await migrator().remove()
    expect(await sql("select relname from pg_class where relnamespace = 'public'::regnamespace")).toEqual([])
    expect((await apply(base)).applied).toEqual(['0001-next'])
  })
})
