// Before each file of tests that runs on PostgreSQL, in its process.
import { afterAll, beforeEach } from 'vitest'
import { dropOwn, missingServer, runServer } from './postgres-database.ts'

const missing = missingServer()
if (missing) {
  beforeEach((context) => context.skip(missing))
} else {
  process.env.MONOBLOC_TEST_DATABASE = runServer()
  afterAll(dropOwn)
}
