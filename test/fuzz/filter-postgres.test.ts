import fc from 'fast-check'
import { expect, test } from 'vitest'
import { policiesOf, singleCases } from './filter.campaign.ts'
import { deepFilter } from './filter-cases.ts'
import { type Case, conditionOf, keysInMemory, openCourt } from './filter-check.ts'
import { FilterCoverage } from './filter-coverage.ts'
import { type Mutant, postgresMutants } from './filter-mutants.ts'
import { inPostgres, type PostgresFilters } from './filter-postgres.ts'
import { makeWorld } from './filter-world.ts'

// The last ones are not needed as a rule: it ends when every mistake is found.
const seeds = [1, 2, 3, 4, 5, 6, 7, 8]

test("a mistake in PostgreSQL's SQL is found", { timeout: 180_000 }, async () => {
  const left = new Set(postgresMutants)
  for (const seed of seeds) {
    if (left.size === 0) break
    const world = makeWorld(seed)
    const deep = [...world.schema.models.values()].flatMap((model) =>
      fc.sample(deepFilter(world, model), { seed, numRuns: 60 }).map((filter): Case => ({ model, filter })),
    )
    await inPostgres(world, async (database) => {
      const court = openCourt(world, database, policiesOf(world, seed), new FilterCoverage().visit)
      for (const tried of [...singleCases(world, seed), ...deep]) {
        const condition = conditionOf(court, tried)
        const expected = String(keysInMemory(court, tried.model, condition, false))
        for (const mutant of left) {
          const isChanged = await differs(database, mutant, tried, condition, expected)
          if (isChanged) left.delete(mutant)
        }
      }
    })
  }
  expect([...left].map(({ name }) => name)).toEqual([])
})

async function differs(
  database: PostgresFilters,
  { sql: change }: Mutant,
  { model }: Case,
  condition: ReturnType<typeof conditionOf>,
  expected: string,
): Promise<boolean> {
  const { sql } = database.templates.of(model, condition)
  if (change!(sql) === sql) return false
  return String(await database.keys(model, condition, change)) !== expected
}
