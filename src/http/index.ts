export { type Answer, type AnswerBody, JsonText } from './answer.ts'
export type { CacheOptions } from './answer-cache.ts'
export type { HeaderOptions } from './answer-fields.ts'
export type { CorsOptions, RouteCors } from './cors.ts'
export { type Auth, type Defined, define, type HandlerTools, type ScheduleFunction } from './define.ts'
export { createEndpoint, type Endpoint, type EndpointFunction } from './endpoint.ts'
export type * from './endpoint-types.ts'
export { FileField, type FileOptions, FormBody, type FormFields, file, form } from './form.ts'
export type { UploadedFile } from './form-file.ts'
export { endpointBelow, type Group, type GroupOptions, group, inGroup } from './group.ts'
export type { Hooks, Leaving } from './hooks.ts'
export type { HttpHost, IdempotencyClaim, Keeping, Unit, UnitScope } from './host.ts'
export { jobStatusEndpoints } from './job-status.ts'
export { defaultLimits, type HttpLimits } from './limits.ts'
export { problemType } from './media-type.ts'
export {
  type AnyMiddleware,
  type ErrorMiddleware,
  type Middleware,
  type MiddlewarePath,
  type Use,
  type Used,
  useInto,
} from './middleware.ts'
export type { Done } from './middleware-chain.ts'
export type { Mountable, MountOptions } from './mount.ts'
export type { ApiInfo, DocumentOptions, OpenApiDocument } from './openapi.ts'
export type { OperationDetails } from './openapi-details.ts'
export { sayOwnPage, styleSource } from './own-page.ts'
export { type ErrorMapper, type Problem, type ProblemViolation, problemOf } from './problem.ts'
export { type RawBody, type RawOptions, raw } from './raw-body.ts'
export { openApiDocumentOf, referenceEndpoints } from './reference.ts'
export { requestDone, requestFailed, requestUnread } from './request-log.ts'
export { createResource, type Resource, type ResourceAction, type ResourceOptions } from './resource.ts'
export { type EventStreamOptions, eventStream, ndjson, type ServerEvent, StreamReturns } from './returns-stream.ts'
export { RouteTree } from './route-tree.ts'
export { createHttpServer, type HttpServer, type HttpServerOptions } from './server.ts'
export { type StaticMount, type StaticOptions, staticEndpoints, staticRoutes } from './static-files.ts'
export { UploadFolder } from './upload-folder.ts'
export { endpointsAt } from './version-endpoint.ts'
export { VersionList } from './version-list.ts'
export type { ApiVersions, Change, Changes, ResourceChanges, VersionOptions, VersionPlaces } from './version-types.ts'
