import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { MonoblocError } from '../../src/errors.ts'
import { migrationText, nextMigrationName, readMigrationFiles } from '../../src/storage/index.ts'
import type { Random } from '../faults/random.ts'
import type { FuzzDatabase } from './migrate-database.ts'
import { type Expected, expectedOf } from './migrate-oracle.ts'
import { drawValue, type Held, isSame } from './migrate-values.ts'
import { drawWorld, mutate, nextWorld, schemaOf, type World } from './migrate-world.ts'

export interface Outcome {
  violations: string[]
  applied: number
  refused: number
}

/** Changes the text of a file as a careless hand would: the search must notice. */
export type Sabotage = (sql: string) => string

/** One database and a chain of migrations on it, each checked against what it must come to. */
export async function runChain(
  random: Random,
  folder: string,
  database: FuzzDatabase,
  length: number,
  sabotage?: Sabotage,
): Promise<Outcome> {
  const migrations = path.join(folder, 'migrations')
  mkdirSync(migrations, { recursive: true })
  const { engine, migrator } = database
  const outcome: Outcome = { violations: [], applied: 0, refused: 0 }
  let world: World = { tables: [], names: 0, ids: 0 }
  for (let at = 0; at <= length && outcome.violations.length === 0; at++) {
    const before = nextWorld(world)
    const after = at === 0 ? drawWorld(random) : nextWorld(world)
    if (at > 0) mutate(after, random)
    const schema = schemaOf(after)
    const known = readMigrationFiles(migrations, engine)
    const plan = await migrator.plan(known, schema)
    if (plan.steps.length === 0) {
      world = after
      continue
    }
    const name = nextMigrationName(known, 'next')
    const edited = edit(
      migrationText(name, plan.steps, plan.losses, engine),
      after,
      plan.steps.flatMap(({ wanting }) => wanting),
      random,
      database,
    )
    const target = path.join(migrations, `${name}.sql`)
    writeFileSync(target, sabotage && at > 0 ? sabotage(edited.text) : edited.text)
    const data = at === 0 ? { rows: new Map(), links: new Map() } : await database.readData(before)
    const expected = expectedOf(before, after, data, edited.filled)
    const place = `migration ${at}`
    const was = at === 0 ? undefined : await seen(database)
    const files = readMigrationFiles(migrations, engine)
    const backups = path.join(folder, 'backups')
    const error = await attempt(() => migrator.apply({ files, schema, backups, runProgram: () => {} }))
    const found = error
      ? refusalProblems(error, expected, edited.consented)
      : await successProblems({ database, migrations, before, after, expected, edited, was })
    if (error && was && (await database.dump()) !== was.dump) found.push('it was refused, and the database is another')
    const left = await database.leftovers()
    if (left.length > 0) found.push(`it left ${left.join(', ')}`)
    outcome.violations.push(...found.map((words) => `${place}: ${words}${error ? ` [${error.message}]` : ''}`))
    if (error) {
      outcome.refused++
      // The names that it would have used are not used again.
      world = { ...before, names: after.names, ids: after.ids }
      if (outcome.violations.length === 0) rmSync(target)
    } else {
      outcome.applied++
      world = after
      await database.fill(world, random)
    }
  }
  return outcome
}

async function seen(database: FuzzDatabase) {
  return {
    dump: await database.dump(),
    logged: await database.lastLogged(),
    sequences: await database.sequences(),
  }
}

interface Edited {
  text: string
  filled: Map<string, Held>
  consented: boolean
}

/** As somebody edits the file: mostly consents, mostly writes the values that are wanting. */
function edit(text: string, world: World, wanting: readonly string[], random: Random, database: FuzzDatabase): Edited {
  const consented = random.chance(0.85)
  const filled = new Map<string, Held>()
  const left = [...wanting]
  let edited = consented ? text.replaceAll('consent needed', 'consent') : text
  edited = edited.replace(/^ {2}NULL(,?)$/gm, (line, comma) => {
    const place = left.shift()!
    const [model, name] = place.split('.')
    const field = world.tables.find((table) => table.name === model)?.fields.find((one) => one.name === name)
    if (!field || field.ref !== undefined || field.origin !== undefined || random.chance(0.2)) return line
    const value = drawValue(random, field)
    filled.set(place, value)
    return `  ${database.literal(value, field)}${comma}`
  })
  return { text: edited, filled, consented }
}

async function attempt(work: () => Promise<unknown>): Promise<MonoblocError | undefined> {
  try {
    await work()
    return undefined
  } catch (error) {
    return error as MonoblocError
  }
}

function refusalProblems(error: MonoblocError, expected: Expected, consented: boolean): string[] {
  if (error.code !== 'migration_refused') return [`it failed with ${error.code}: ${error.stack}`]
  const asked = error.violations
    .filter(({ code }) => code === 'consent_needed')
    .map(({ message }) => /consent: (.+)"$/.exec(message)![1])
  if (asked.length > 0) {
    const wanted = expected.consents.join('; ')
    if (consented) return ['it asks for consent that was given']
    return asked.sort().join('; ') === wanted
      ? []
      : [`it asks for consent to ${asked.join('; ')}, and must for ${wanted}`]
  }
  return expected.refusals.length > 0 ? [] : ['it is refused, and nothing stands against it']
}

interface Done {
  database: FuzzDatabase
  migrations: string
  before: World
  after: World
  expected: Expected
  edited: Edited
  was: { logged: number; sequences: Map<string, number> } | undefined
}

async function successProblems({
  database,
  migrations,
  before,
  after,
  expected,
  edited,
  was,
}: Done): Promise<string[]> {
  const problems: string[] = []
  if (!edited.consented && expected.consents.length > 0)
    problems.push(`it did ${expected.consents.join('; ')} without consent`)
  if (expected.refusals.length > 0) problems.push(`it was done, though ${expected.refusals.join('; ')}`)
  problems.push(...(await rowProblems(database, after, expected)))
  problems.push(...(await database.derivedProblems(after, was?.logged ?? 0)))
  const numbers = await database.sequences()
  for (const table of after.tables) {
    const old = before.tables.find(({ id }) => id === table.id)
    const number = old && was?.sequences.get(old.name)
    if (number !== undefined && numbers.get(table.name) !== number) {
      problems.push(`${table.name} counted to ${number}, and now to ${numbers.get(table.name)}`)
    }
  }
  return [...problems, ...(await lateProblems(database, migrations, after))]
}

async function rowProblems(database: FuzzDatabase, after: World, expected: Expected): Promise<string[]> {
  const problems: string[] = []
  const data = await database.readData(after)
  for (const table of after.tables) {
    const [found, wanted] = [data.rows.get(table.id)!, expected.rows.get(table.id)!]
    if (found.length !== wanted.length) problems.push(`${table.name} has ${found.length} rows, not ${wanted.length}`)
    for (const [at, row] of wanted.entries()) {
      for (const [name, value] of Object.entries(row)) {
        const there = found[at]?.[name]
        const same =
          value === 'createdAt'
            ? /^\d{4}-.*Z$/.test(String(there))
            : isSame(there, value) || isSameDocument(database, there, value)
        if (!same) problems.push(`${table.name}.${name} of row ${at} is ${shown(there)}, not ${shown(value)}`)
      }
    }
  }
  for (const [link, pairs] of expected.links) {
    if (data.links.get(link)!.join() !== pairs.join()) problems.push(`the links ${link} are others`)
  }
  return problems
}

/** PostgreSQL writes a document anew, with spaces of its own. */
function isSameDocument({ engine }: FuzzDatabase, there: unknown, value: unknown): boolean {
  if (engine === 'sqlite' || typeof there !== 'string' || typeof value !== 'string') return false
  try {
    return JSON.stringify(JSON.parse(there)) === JSON.stringify(JSON.parse(value))
  } catch {
    return false
  }
}

function shown(value: unknown): string {
  return JSON.stringify(value, (_, inner) => (typeof inner === 'bigint' ? `${inner}n` : inner)) ?? 'missing'
}

/** A database at its goal has nothing left to do. */
async function lateProblems(database: FuzzDatabase, migrations: string, after: World): Promise<string[]> {
  const { engine, migrator } = database
  const schema = schemaOf(after)
  const files = readMigrationFiles(migrations, engine)
  const problems: string[] = []
  const again = await migrator.apply({ files, schema, runProgram: () => {} })
  if (again.applied.length > 0) problems.push(`a second apply did ${again.applied.join()}`)
  const { files: states, drift, unplanned } = await migrator.status(files, schema)
  if (states.some(({ state }) => state !== 'applied')) problems.push('a file counts as not applied')
  problems.push(...drift.map((words) => `drift: ${words}`), ...unplanned.map((words) => `unplanned: ${words}`))
  const storage = database.storage()
  await storage.open()
  const changes = await storage.compare(schema)
  await storage.close()
  return [...problems, ...changes.map(({ description }) => `the models would still ${description}`)]
}
