import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { AnyModel, Condition } from '../../src/schema/index.ts'
import type { MaybePromise } from '../../src/storage/storage.ts'
import { coveringSeeds, policiesOf, singleCases } from './filter.campaign.ts'
import { deepFilter } from './filter-cases.ts'
import { type Case, type Court, conditionOf, disagreement, keysInMemory, openCourt } from './filter-check.ts'
import { FilterCoverage } from './filter-coverage.ts'
import { type FilterDatabase, inDatabase } from './filter-database.ts'
import { conditionMutants, type Mutant, sqlMutants } from './filter-mutants.ts'
import { makeWorld } from './filter-world.ts'

const seeds = Array.from({ length: coveringSeeds }, (_, at) => at + 1)

let folder: string
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'filter-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function inWorld<T>(
  seed: number,
  work: (court: Court<FilterDatabase>, cases: Case[]) => MaybePromise<T>,
  coverage = new FilterCoverage(),
): Promise<T> {
  const world = makeWorld(seed)
  const deep = [...world.schema.models.values()].flatMap((model) =>
    fc.sample(deepFilter(world, model), { seed, numRuns: 60 }).map((filter): Case => ({ model, filter })),
  )
  const inside = mkdtempSync(path.join(folder, 'world-'))
  return inDatabase(inside, world, (database) =>
    work(openCourt(world, database, policiesOf(world, seed), coverage.visit), [...singleCases(world, seed), ...deep]),
  )
}

test('the seeds of the slice ask every operator of every type, null and not, by every way to a row', {
  timeout: 120_000,
}, async () => {
  const coverage = new FilterCoverage()
  const violations: string[] = []
  for (const seed of seeds) {
    const ask = async (court: Court, cases: Case[]) => {
      const answers: (string | undefined)[] = []
      for (const tried of cases) answers.push(await disagreement(court, tried))
      return answers
    }
    violations.push(...(await inWorld(seed, ask, coverage)).filter((words) => words !== undefined))
  }
  expect(violations).toEqual([])
  console.log(coverage.toString())
  expect(coverage.empty).toEqual([])
})

test('a table with an empty cell says which', () => {
  const coverage = new FilterCoverage()
  coverage.visit('own', 'text', 'eq', false)
  expect(coverage.empty).toContain('text|eq|own|null')
  expect(coverage.empty).not.toContain('text|eq|own|value')
  expect(coverage.toString()).toContain('MISSING')
})

interface Tried {
  model: AnyModel
  condition: Condition
  expected: string
}

/** The mutants whose answer to some filter differs from the right one, each on the side that has the mistake. */
function found(court: Court<FilterDatabase>, cases: readonly Case[], left: ReadonlySet<string>): string[] {
  const tried = cases.map(({ model, filter }): Tried => {
    const condition = conditionOf(court, { model, filter })
    return { model, condition, expected: String(keysInMemory(court, model, condition, false)) }
  })
  return sides(court).flatMap(([name, answer]) => (left.has(name) && tried.some(answer) ? [name] : []))
}

function sides(court: Court<FilterDatabase>): [string, (tried: Tried) => boolean][] {
  const differs = (mutant: Mutant, answer: (model: AnyModel, condition: Condition) => unknown[]) => (tried: Tried) => {
    const condition = mutant.condition!(tried.condition)
    if (JSON.stringify(condition, plain) === JSON.stringify(tried.condition, plain)) return false
    return String(answer(tried.model, condition)) !== tried.expected
  }
  const { database } = court
  return [
    ...conditionMutants.flatMap((mutant): [string, (tried: Tried) => boolean][] => [
      [`SQL, ${mutant.name}`, differs(mutant, (model, condition) => database.keys(model, condition))],
      [`memory, ${mutant.name}`, differs(mutant, (model, condition) => keysInMemory(court, model, condition, false))],
    ]),
    ...sqlMutants.map((mutant): [string, (tried: Tried) => boolean] => [
      `SQL, ${mutant.name}`,
      ({ model, condition, expected }) => brokenKeys(database, model, condition, mutant.sql!) !== expected,
    ]),
  ]
}

function plain(name: string, value: unknown): unknown {
  if (name === 'relation') return (value as { name: string }).name
  return typeof value === 'bigint' ? String(value) : value
}

// SQL that a change made invalid throws and fails the test: it would say nothing of the filters.
function brokenKeys(
  database: FilterDatabase,
  model: AnyModel,
  condition: Condition,
  change: (sql: string) => string,
): string {
  return String(database.keys(model, condition, change))
}

test('a mistake on either side is found', { timeout: 120_000 }, async () => {
  const left = new Set([
    ...conditionMutants.flatMap(({ name }) => [`SQL, ${name}`, `memory, ${name}`]),
    ...sqlMutants.map(({ name }) => `SQL, ${name}`),
  ])
  for (const seed of seeds) {
    for (const name of await inWorld(seed, (court, cases) => found(court, cases, left))) left.delete(name)
  }
  expect([...left]).toEqual([])
})
