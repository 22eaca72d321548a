import { createEndpoint } from './http/index.ts'

export { type PolicyRules, password, type Rule } from './access/index.ts'
export type { ChangeOptions, Db, ModelHooks, Rows, SystemDb } from './commit/index.ts'
export { type ErrorCode, errorTable, MonoblocError, type Violation } from './errors.ts'
export {
  type Auth,
  type Defined,
  define,
  type Endpoint,
  type EndpointFunction,
  type ErrorMiddleware,
  eventStream,
  type FileField,
  type FormBody,
  file,
  form,
  type Group,
  type GroupOptions,
  group,
  type HandlerTools,
  type Leaving,
  type Middleware,
  type Mountable,
  ndjson,
  type Problem,
  type Resource,
  type ResourceOptions,
  type ServerEvent,
  type StreamReturns,
  type UploadedFile,
} from './http/index.ts'
export { type Backend, type BackendOptions, backend, type NodeHandler, toNodeHandler } from './runtime/index.ts'
export {
  type Automatic,
  type Field,
  type Filter,
  type Generated,
  type InputValidator,
  type Insert,
  type Key,
  type Model,
  model,
  type Patch,
  type Plain,
  type Row,
  type ToMany,
  type ToOne,
  t,
} from './schema/index.ts'

/** `endpoint` for apps without models: there is no `db`, and everyone may ask. */
export const endpoint = createEndpoint<unknown, null>()
