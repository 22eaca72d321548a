// The migration that is killed, on PostgreSQL: the process or its backend, in one transaction or in parts.
import { createHash } from 'node:crypto'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import pg from 'pg'
import {
  createPostgresMigrator,
  createPostgresStorage,
  migrationText,
  readMigrationFiles,
} from '../../src/storage/index.ts'
import { newDatabase } from '../conformance/postgres-database.ts'
import { dataStep, newSchema, oldSchema } from './migrate-models.ts'
import { runMigration } from './migrate-run.ts'
import { Random } from './random.ts'

const articles = 2400

async function using<T>(url: string, use: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client(url)
  client.on('error', () => {})
  await client.connect()
  try {
    return await use(client)
  } finally {
    await client.end()
  }
}

/** A database of the old models with rows; every one of the same seed is alike. */
function oldDatabase(seed: number, migrations: string) {
  return newDatabase({
    key: `migrate ${seed}`,
    async prepare(url) {
      const migrator = createPostgresMigrator({ url })
      const files = () => readMigrationFiles(migrations, 'postgresql').filter(({ number }) => number === 1)
      if (files().length === 0) {
        const { steps } = await migrator.plan([], oldSchema)
        writeFileSync(path.join(migrations, '0001-initial.sql'), migrationText('0001-initial', steps, {}, 'postgresql'))
      }
      await migrator.apply({ files: files(), schema: oldSchema, runProgram: () => {} })
      await using(url, (client) => fill(client, new Random(seed)))
      const { steps, losses } = await migrator.plan(files(), newSchema)
      const text = migrationText('0002-next', steps, losses, 'postgresql').replaceAll('consent needed', 'consent')
      writeFileSync(path.join(migrations, '0002-next.sql'), text + dataStep)
    },
  })
}

async function fill(client: pg.Client, random: Random): Promise<void> {
  const writers = Array.from({ length: 20 }, (_, at) => `00000000-0000-0000-0000-${String(at).padStart(12, '0')}`)
  await client.query('insert into writer select id, $2 || id::text from unnest($1::uuid[]) id', [writers, 'writer '])
  await client.query("insert into tag (name) select 'tag ' || n from generate_series(1, 10) n")
  const rows = Array.from({ length: articles }, (_, at) => ({
    title: `Title ${at + 1}`,
    body: 'text '.repeat(random.below(120)),
    price: `${random.below(1000)}.${String(random.below(100)).padStart(2, '0')}`,
    hidden: random.chance(0.5) ? 'x' : null,
    writer: random.pick(writers),
  }))
  await client.query(
    `insert into article (title, body, price, hidden, writer) select title, body, price, hidden, writer
     from json_to_recordset($1) as r(title text, body text, price text, hidden text, writer uuid)`,
    [JSON.stringify(rows)],
  )
  await client.query('insert into article_tags select id, 1 + id % 10 from article')
}

/** What the database holds, as one number; `createdAt`, which is the moment of the migration, aside. */
export function digestOf(url: string): Promise<string> {
  return using(url, async (client) => {
    const all = async (sql: string) => (await client.query({ text: sql, rowMode: 'array' })).rows
    const hash = createHash('sha256')
    const names = await all(`select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace
      and relname not like 'monobloc%' order by 1`)
    for (const [name] of names) {
      const rows = await all(`select (to_jsonb(t) - 'createdAt')::text from "${name}" t order by 1`)
      hash.update(JSON.stringify([name, rows]))
    }
    hash.update(
      JSON.stringify([
        await all(`select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint
          where connamespace = 'public'::regnamespace and conrelid::regclass::text not like 'monobloc%' order by 1, 2`),
        await all(
          `select indexname, indexdef from pg_indexes where schemaname = 'public' and tablename not like 'monobloc%' order by 1`,
        ),
        await all(
          'select tgrelid::regclass::text, tgname, tgenabled from pg_trigger where not tgisinternal order by 1, 2',
        ),
        await all(`select proname, prosrc from pg_proc where pronamespace = 'public'::regnamespace
          and proname ~ '^monobloc_(log|fill)_' order by 1, 2`),
      ]),
    )
    return hash.digest('hex').slice(0, 16)
  })
}

/** Nothing of what is made on the way, and nothing half made. */
function leftovers(url: string): Promise<string[]> {
  return using(url, async (client) => {
    const { rows } = await client.query(`
      select 'the schema ' || nspname as name from pg_namespace where nspname like 'monobloc%'
      union all select 'the column ' || attname from pg_attribute where attname like 'monobloc_new_%'
      union all select 'the trigger ' || tgname from pg_trigger where tgname like 'monobloc_fill_%'
      union all select 'the function ' || proname from pg_proc where proname like 'monobloc_fill_%'
      union all select 'the unproven constraint ' || conname from pg_constraint where not convalidated
      union all select 'the invalid index ' || indexrelid::regclass::text from pg_index where not indisvalid
      union all select 'in the journal ' || name from monobloc_migration_step`)
    return rows.map(({ name }) => `${name} is left`)
  })
}

/** What must hold wherever it was killed. */
function soundness(url: string): Promise<string[]> {
  return using(url, async (client) => {
    const count = async (sql: string) => (await client.query(sql)).rows[0].n as number
    const problems: string[] = []
    for (const table of ['article', 'article_tags']) {
      const n = await count(`select count(*)::int as n from ${table}`)
      if (n !== articles) problems.push(`${table} has ${n} rows`)
    }
    const held = await count(`select count(*)::int as n from article a
      where to_jsonb(a) ->> 'body' is null or coalesce(to_jsonb(a) ->> 'title', to_jsonb(a) ->> 'headline') <> 'Title ' || id
        or coalesce(to_jsonb(a) ->> 'price', to_jsonb(a) ->> 'monobloc_new_price') !~ '^[0-9]+[.][0-9][0-9]$'`)
    if (held !== 0) problems.push(`${held} rows have lost a value`)
    const shadows = await count("select count(*)::int as n from pg_namespace where nspname like 'monobloc%'")
    if (shadows !== 0) problems.push('a schema is left')
    return problems
  })
}

/** What is wrong with a database that is at its goal. */
async function goalProblems(url: string, migrations: string): Promise<string[]> {
  const problems = await leftovers(url)
  const files = readMigrationFiles(migrations, 'postgresql')
  const { files: states, drift, unplanned } = await createPostgresMigrator({ url }).status(files, newSchema)
  if (states.some(({ state }) => state !== 'applied')) problems.push('a file is not applied')
  if (drift.length + unplanned.length > 0) problems.push(`differs: ${[...drift, ...unplanned].join('; ')}`)
  const storage = createPostgresStorage({ url, connections: 2 })
  await storage.open()
  const changes = await storage.compare(newSchema)
  const logged = await storage.tail(0, 1000)
  await storage.close()
  problems.push(...changes.map(({ description }) => `the models would still ${description}`))
  const entries = logged.filter(({ cause }) => cause === 'migration 0002-next').flatMap((one) => one.entries)
  const counts = Map.groupBy(entries, ({ operation }) => operation)
  const [migrated, updated] = [counts.get('migrate')?.length ?? 0, counts.get('update')?.length ?? 0]
  if (migrated < 2 || updated !== articles / 3 || entries.length !== migrated + updated)
    problems.push(`the log has ${migrated} entries of tables and ${updated} of rows, of ${entries.length}`)
  return problems
}

/** @param spoil what a test does to the database after a kill, to see that it is noticed */
export async function runPostgresKills(
  seed: number,
  folder: string,
  kills: number,
  spoil?: (url: string) => Promise<void>,
) {
  const random = new Random(seed)
  const inParts = seed % 2 === 1
  const migrations = path.join(folder, 'migrations')
  mkdirSync(migrations)
  const violations: string[] = []
  const states = { old: 0, between: 0, new: 0 }
  const goal = await oldDatabase(seed, migrations)
  const old = await digestOf(goal.url)
  const whole = runMigration(goal.url, migrations, inParts)
  const complete = await whole.ended
  if (complete.code !== 0) violations.push(`without a kill it fails: ${complete.err}`)
  const lines = whole.lines()
  const next = await digestOf(goal.url)
  violations.push(...(await goalProblems(goal.url, migrations)))
  await goal.drop()
  let count = 0
  for (; count < kills && violations.length === 0; count++) {
    const database = await oldDatabase(seed, migrations)
    const { url } = database
    const other = random.chance(0.25) ? runMigration(url, migrations, inParts) : undefined
    const killed = runMigration(url, migrations, inParts)
    const line = random.below(lines)
    await killed.saysLines(line)
    await wait(random.below(80))
    if (random.chance(0.5)) killed.child.kill('SIGKILL')
    else await terminate(url)
    await killed.ended
    await other?.ended
    await gone(url)
    await spoil?.(url)
    const place = `after kill ${count + 1} (behind line ${line})`
    const found = await digestOf(url)
    if (found === old) states.old++
    else if (found === next) states.new++
    else if (inParts) states.between++
    else violations.push(`${place} it is neither the old nor the new one`)
    violations.push(...(await soundness(url)).map((words) => `${place}: ${words}`))
    const again = await runMigration(url, migrations, inParts).ended
    if (again.code !== 0) violations.push(`${place} a second apply fails: ${again.err}`)
    else if ((await digestOf(url)) !== next) violations.push(`${place} a second apply does not make it the new one`)
    violations.push(...(await goalProblems(url, migrations)).map((words) => `${place}: ${words}`))
    await database.drop()
  }
  rmSync(path.join(folder, 'backups'), { recursive: true, force: true })
  return { count, violations, ...states, inParts }
}

/** Ends the backends of all that migrate. */
const terminate = (url: string) =>
  using(url, (client) =>
    client.query(`select pg_terminate_backend(pid) from pg_stat_activity
    where datname = current_database() and application_name = 'monobloc'`),
  )

/** A backend whose process has died goes on until it notices. */
async function gone(url: string): Promise<void> {
  await using(url, async (client) => {
    for (;;) {
      const { rows } = await client.query(`select count(*)::int as n from pg_stat_activity
        where datname = current_database() and application_name = 'monobloc'`)
      if (rows[0].n === 0) return
      await wait(20)
    }
  })
}
