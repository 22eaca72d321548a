export {
  adviseIndexes,
  type DatabaseAddress,
  databaseExists,
  databaseParts,
  openExplainer,
  placeOf,
} from './database-parts.ts'
export type { ExplainedStatement, Explainer } from './explain.ts'
export type * from './migrations/migration.ts'
export {
  consentsOf,
  type MigrationEngine,
  type MigrationFile,
  migrationFolder,
  migrationText,
  nextMigrationName,
  readMigrationFiles,
} from './migrations/migration-file.ts'
export { fileStates, newerFiles, pendingFiles } from './migrations/migration-history.ts'
export { copyPrefix, isLeftCopy, PostgresCopies } from './postgres/postgres-copies.ts'
export { createPostgresMigrator } from './postgres/postgres-migrator.ts'
export type { PostgresOptions } from './postgres/postgres-options.ts'
export { createPostgresStorage } from './postgres/postgres-storage.ts'
export { parsePostgresUrl } from './postgres/postgres-url.ts'
export type { Database } from './sql/database-types.ts'
export type { Dialect } from './sql/dialect.ts'
export { duplicateIndexes } from './sql/duplicate-indexes.ts'
export { eventTable } from './sql/event-shape.ts'
export { documentOf } from './sql/inserts.ts'
export { chain } from './sql/maybe-promise.ts'
export { Queries } from './sql/queries.ts'
export type {
  AggregateQuery,
  AnyRow,
  CountQuery,
  FindQuery,
  GetQuery,
  JsonPage,
  Page,
  PageBounds,
  Restrict,
  RowsQuery,
  SearchHit,
  SearchQuery,
} from './sql/query.ts'
export type * from './sql/query-types.ts'
export type { OnQuery } from './sql/session-kysely.ts'
export type { IndexAdvice, IndexCost } from './sqlite/sqlite-index-advice.ts'
export { createSqliteMigrator } from './sqlite/sqlite-migrator.ts'
export type { SqliteOptions } from './sqlite/sqlite-options.ts'
export { createSqliteStorage } from './sqlite/sqlite-storage.ts'
export type { WriteTurns } from './sqlite/sqlite-write-queue.ts'
export type * from './storage.ts'
