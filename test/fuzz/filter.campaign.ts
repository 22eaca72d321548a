import fc from 'fast-check'
import type { AnyModel } from '../../src/schema/index.ts'
import type { Campaign } from '../campaign/campaign.ts'
import { missingServer } from '../conformance/postgres-database.ts'
import { whyNoPostgres } from '../faults/postgres-programs.ts'
import { deepFilter, type FilterObject, targetsOf } from './filter-cases.ts'
import { type Case, type Court, disagreement, openCourt, shown } from './filter-check.ts'
import { FilterCoverage } from './filter-coverage.ts'
import { type AskedDatabase, inDatabase } from './filter-database.ts'
import { inPostgres } from './filter-postgres.ts'
import { makeWorld, type World } from './filter-world.ts'

const deepCases = 200

/** So many seeds, from 1 on, leave no cell of the coverage table empty. */
export const coveringSeeds = 8

let coverage = new FilterCoverage()

/**
 * A filter means the same in SQL, in memory over rows as code and as JSON has them, and as it was described: random
 * models, rows, policies and filters, each filter also as its complement.
 */
export const campaign: Campaign = {
  name: 'filter',
  unit: 'cases',
  engines: ['sqlite', 'postgres'],
  seeds: 60,
  // The test of the coverage runs more of them.
  slice: [1],
  unavailable: (engine) => (engine === 'postgres' ? (missingServer() ?? whyNoPostgres()) : undefined),
  async run(seed, { folder, engine }) {
    const world = makeWorld(seed)
    const judge = async (database: AskedDatabase) => {
      const court = openCourt(world, database, policiesOf(world, seed), coverage.visit)
      const single = singleCases(world, seed)
      const wrong: string[] = []
      for (const tried of single) {
        const words = await disagreement(court, tried)
        if (words !== undefined) wrong.push(words)
      }
      const violations = [...wrong, ...(await searchDeep(court, seed))]
      return { count: single.length + deepCases, violations: violations.slice(0, 20) }
    }
    return engine === 'postgres' ? await inPostgres(world, judge) : await inDatabase(folder, world, judge)
  },
  conclude(seeds) {
    const empty = seeds < coveringSeeds ? [] : coverage.empty.map((cell) => `no filter asked for ${cell}`)
    const report = coverage.toString()
    // The next engine is asked from the beginning.
    coverage = new FilterCoverage()
    return { report, violations: empty }
  },
}

/** Each model has a policy in half of the worlds; rows that it hides must not be seen through a relation. */
export function policiesOf(world: World, seed: number): Map<AnyModel, FilterObject> {
  const policies = new Map<AnyModel, FilterObject>()
  for (const [at, model] of [...world.schema.models.values()].entries()) {
    const [policy] = fc.sample(deepFilter(world, model, 0), { seed: seed * 31 + at, numRuns: 1 })
    if ((seed + at) % 2 === 0) policies.set(model, policy!)
  }
  return policies
}

/** Every comparison that can be asked of the models, once. */
export function singleCases(world: World, seed: number): Case[] {
  return [...world.schema.models.values()].flatMap((model) =>
    targetsOf(world, model).map((target, at) => ({
      model,
      filter: fc.sample(target, { seed: seed * 104729 + at, numRuns: 1 })[0]!,
    })),
  )
}

/** Filters of any depth; the first that is answered wrongly is made as small as it still is. */
async function searchDeep(court: Court, seed: number): Promise<string[]> {
  const filters = [...court.world.schema.models.values()].map((model) =>
    deepFilter(court.world, model).map((filter): Case => ({ model, filter })),
  )
  const property = fc.asyncProperty(
    fc.oneof(...filters),
    async (tried) => (await disagreement(court, tried)) === undefined,
  )
  const details = await fc.check(property, { seed, numRuns: deepCases })
  if (!details.failed) return []
  const tried = details.counterexample![0]
  const error = details.errorInstance instanceof Error ? details.errorInstance.stack : undefined
  return [error ? `${tried.model.name} ${shown(tried.filter)}: ${error}` : (await disagreement(court, tried))!]
}
