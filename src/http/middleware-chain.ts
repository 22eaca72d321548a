import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Used } from './middleware.ts'
import { connectEngine } from './middleware-connect.ts'
import { expressEngine } from './middleware-express.ts'

export type Done = (error?: unknown) => void

/** The middleware of one level: of an app, a group or a route. */
export interface Chain {
  /** Runs it in order. `done` is called when it has let the request through, or has failed. */
  run(request: IncomingMessage, response: ServerResponse, done: Done): void
  /** Offers it an error that came after it. `done` is called when it has not answered. */
  fail(error: unknown, request: IncomingMessage, response: ServerResponse, done: Done): void
}

/** What runs middleware. */
export interface ChainEngine {
  /** The middleware of the app itself. Makes requests and responses what middleware expects: runs before the others. */
  first(used: readonly Used[]): Chain
  further(used: readonly Used[]): Chain
}

/** Express itself where it is installed, so that middleware finds everything it may expect of it; else our own. */
export function chainEngine(): ChainEngine {
  return expressEngine() ?? connectEngine
}
