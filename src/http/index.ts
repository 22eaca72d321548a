export { type Answer, type AnswerBody, JsonText } from './answer.ts'
export { createEndpoint, type Endpoint, type EndpointFunction } from './endpoint.ts'
export type * from './endpoint-types.ts'
export type { HttpHost, HttpLog, IdempotencyClaim, Unit, UnitScope } from './host.ts'
