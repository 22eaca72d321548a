import { cpSync, mkdirSync, readdirSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { createSqliteMigrator, readMigrationFiles } from '../../src/storage/index.ts'
import type { Campaign } from '../campaign/campaign.ts'
import { missingServer } from '../conformance/postgres-database.ts'
import { backupProblems, digest, goalProblems, prepareOld, soundness } from './migrate-database.ts'
import { newSchema } from './migrate-models.ts'
import { runPostgresKills } from './migrate-postgres.ts'
import { runMigration } from './migrate-run.ts'
import { Random } from './random.ts'

const killsPerSeed = 5
/** Each of them takes some processes and a database of its own. */
const postgresKillsPerSeed = 2

/** The words after which a kill is timed, and how long it may then take, in milliseconds. */
const moments = [
  ['begun', 400],
  ['rehearsing on a copy', 300],
  ['backing up', 400],
  ['copying article', 200],
] as const

/**
 * A migration is killed at a random moment: the database is the old one or the new one, never between, and a second apply
 * brings the old one to the new one. Now and then two apply at once, and one of them is killed. On PostgreSQL the process
 * or its backend is killed, and every second seed migrates in parts: each of them is then done or not, and a second apply
 * goes on behind the last.
 */
export const campaign: Campaign = {
  name: 'migrate',
  unit: 'faults',
  engines: ['sqlite', 'postgres'],
  chance: 'The seed gives the rows and the moment of each kill; how far the migration is by then is up to the machine.',
  // 220 kills.
  seeds: 44,
  slice: [1],
  unavailable: (engine) => (engine === 'postgres' ? missingServer() : undefined),
  run: (seed, { folder, engine }) =>
    engine === 'postgres' ? runPostgresKills(seed, folder, postgresKillsPerSeed) : runKills(seed, folder),
}

/** @param spoil what a test does to the database after a kill, to see that it is noticed */
export async function runKills(seed: number, folder: string, kills = killsPerSeed, spoil?: (file: string) => void) {
  const random = new Random(seed)
  const [prepared, migrations, goal] = ['old', 'migrations', 'goal'].map((name) => path.join(folder, name)) as [
    string,
    string,
    string,
  ]
  const source = path.join(prepared, 'app.db')
  await prepareOld(source, migrations, random)
  const old = digest(source)
  cpSync(prepared, goal, { recursive: true })
  const complete = await runMigration(path.join(goal, 'app.db'), migrations).ended
  const next = digest(path.join(goal, 'app.db'))
  const violations = complete.code === 0 ? [] : [`without a kill it fails: ${complete.err}`]
  const states = { old: 0, new: 0 }
  let count = 0
  while (count < kills && violations.length === 0) {
    const place = path.join(folder, `kill-${count}`)
    mkdirSync(place)
    const file = path.join(place, 'app.db')
    cpSync(source, file)
    const other = random.chance(0.25) ? runMigration(file, migrations) : undefined
    const [word, most] = random.pick(moments)
    const killed = runMigration(file, migrations)
    await killed.says(word)
    await wait(random.below(most))
    killed.child.kill('SIGKILL')
    await killed.ended
    if (other) {
      const { code, err } = await other.ended
      if (code !== 0) violations.push(`the other one failed beside a kill: ${err}`)
    }
    count++
    spoil?.(file)
    const found = digest(file)
    if (found === old) states.old++
    else if (found === next) states.new++
    else violations.push(`after kill ${count} (${word}) it is neither the old nor the new one`)
    if (other && found === old)
      violations.push(`after kill ${count} it is the old one, though the other one has finished`)
    violations.push(...soundness(file).map((words) => `after kill ${count}: ${words}`))
    violations.push(...backupProblems(file, old))
    violations.push(...(await finish(file, migrations, next)).map((words) => `after kill ${count}: ${words}`))
  }
  return { count, violations, ...states }
}

/** Applies again, to the end. */
async function finish(file: string, migrations: string, next: string): Promise<string[]> {
  const files = readMigrationFiles(migrations)
  await createSqliteMigrator({ file }).apply({ files, schema: newSchema, runProgram: () => {} })
  const problems = digest(file) === next ? [] : ['a second apply does not make it the new one']
  const left = readdirSync(path.dirname(file)).filter((name) => name.includes('rehearsal'))
  return [...problems, ...left.map((name) => `${name} is left`), ...(await goalProblems(file, migrations))]
}
