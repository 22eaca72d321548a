export type { Database } from './sql/database-types.ts'
export type { Dialect } from './sql/dialect.ts'
export { chain } from './sql/maybe-promise.ts'
export { Queries } from './sql/queries.ts'
export type {
  AggregateQuery,
  AnyRow,
  FindQuery,
  GetQuery,
  JsonPage,
  Page,
  Restrict,
  SearchHit,
  SearchQuery,
} from './sql/query.ts'
export type * from './sql/query-types.ts'
export type { SqliteOptions } from './sqlite/sqlite-options.ts'
export { createSqliteStorage } from './sqlite/sqlite-storage.ts'
export type * from './storage.ts'
