import type { IncomingMessage, ServerResponse } from 'node:http'
import { MonoblocError } from '../errors.ts'
import { type Done, problemOf, problemType } from '../http/index.ts'
import { nextRequestId } from '../observe/index.ts'
import type { Backend } from './backend-types.ts'

/** By which another copy of this package finds what answers requests. */
export const answerMark: unique symbol = Symbol.for('monobloc.answer') as never

/** A request listener of Node, and middleware of Express and Connect. */
export type NodeHandler = (req: IncomingMessage, res: ServerResponse, next?: (error?: any) => void) => void

/**
 * A backend as middleware of an Express app, or as the listener of a server of one's own.
 *
 *     expressApp.use('/api', toNodeHandler(app))
 *
 * What the backend has no route for goes to `next()`, or without one is 404. What it has a route for it answers, errors
 * included; `next(error)` is called where it can't run. It starts with its first request, or before it by
 * `app.start({ listen: false })`, and ends by `app.stop()`, which waits for what is under way.
 *
 * @throws MonoblocError `app_invalid`
 */
export function toNodeHandler(app: Backend): NodeHandler {
  const answer = (app as { [answerMark]?: NodeHandler })[answerMark]
  if (typeof answer !== 'function') throw new MonoblocError('app_invalid', { detail: 'toNodeHandler takes a backend.' })
  return (req, res, next) => answer.call(app, req, res, next)
}

/** Says to a server around us, or to the client, why a backend does not run. */
export function refuse(error: unknown, response: ServerResponse, next: Done | undefined): void {
  if (next) {
    next(error)
    return
  }
  const known = error instanceof MonoblocError ? error : new MonoblocError('internal', { cause: error })
  const id = nextRequestId()
  response.statusCode = known.status
  response.setHeader('x-request-id', id)
  response.setHeader('content-type', problemType)
  response.setHeader('cache-control', 'no-store')
  if (known.status === 503) response.setHeader('retry-after', '1')
  response.end(JSON.stringify(problemOf(known, id, false)))
}
