import type { Campaign } from '../campaign/campaign.ts'
import { missingServer } from '../conformance/postgres-database.ts'
import { Random } from '../faults/random.ts'
import { runChain } from './migrate-case.ts'
import { sqliteDatabase } from './migrate-database.ts'
import { postgresDatabase } from './migrate-postgres.ts'

/** Migrations of one database, one after another, each between random models with rows. */
const chain = 5

/**
 * Random models with rows and what a developer does to them: plan and apply keep every value that should survive, or
 * refuse with the reason and change nothing. What should survive is worked out without SQL. On PostgreSQL every second
 * chain goes as on large tables, in parts.
 */
export const campaign: Campaign = {
  name: 'migrate',
  unit: 'migrations',
  engines: ['sqlite', 'postgres'],
  seeds: 60,
  slice: [1, 2],
  unavailable: (engine) => (engine === 'postgres' ? missingServer() : undefined),
  async run(seed, { folder, engine }) {
    const database = engine === 'postgres' ? await postgresDatabase(seed % 2 === 0) : sqliteDatabase(folder)
    try {
      const { violations, applied, refused } = await runChain(new Random(seed), folder, database, chain)
      return { count: applied + refused, violations, applied, refused }
    } finally {
      await database.drop()
    }
  },
}
