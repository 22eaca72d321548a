import { createEndpoint } from './http/index.ts'

export { type PolicyRules, password, type Rule } from './access/index.ts'
export type { ChangeOptions, Db, ModelHooks, Rows, SystemDb } from './commit/index.ts'
export { type ErrorCode, errorTable, MonoblocError, type Violation } from './errors.ts'
export { type Auth, type Defined, define, type HandlerTools, type Problem } from './http/index.ts'
export { type Backend, type BackendOptions, backend } from './runtime/index.ts'
export { type Filter, type Insert, type Key, model, type Patch, type Row, t } from './schema/index.ts'

/** `endpoint` for apps without models: there is no `db`, and everyone may ask. */
export const endpoint = createEndpoint<unknown, null>()
