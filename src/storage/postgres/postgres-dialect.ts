import type { Dialect } from '../sql/dialect.ts'
import { sqliteDialect } from '../sqlite/sqlite-dialect.ts'

/** PostgreSQL's storage of each type. */
export const postgresDialect: Dialect = { ...sqliteDialect, name: 'postgres' }
