import { MonoblocError } from '../errors.ts'

/**
 * Middleware of Connect or Express, as it is: a function, a router or a whole app. It answers, or calls `next()` to go on
 * and `next(error)` to fail. A promise that it returns may fail too.
 */
export type Middleware = (req: any, res: any, next: any) => unknown

/** Middleware with four parameters is given errors, and nothing else. */
export type ErrorMiddleware = (error: any, req: any, res: any, next: any) => unknown

export type AnyMiddleware = Middleware | ErrorMiddleware

/** Where middleware runs: at this path and below. Parameters, lists and regular expressions are Express's. */
export type MiddlewarePath = string | RegExp | readonly (string | RegExp)[]

/** `use(path?, middleware)`: adds middleware, and gives back what it was added to. */
export interface Use<Self> {
  (...middleware: Middleware[]): Self
  (path: MiddlewarePath, ...middleware: Middleware[]): Self
  (...middleware: ErrorMiddleware[]): Self
  (path: MiddlewarePath, ...middleware: ErrorMiddleware[]): Self
  (...middleware: (AnyMiddleware | readonly AnyMiddleware[])[]): Self
  (path: MiddlewarePath, ...middleware: (AnyMiddleware | readonly AnyMiddleware[])[]): Self
}

/** One call of `use`. */
export interface Used {
  /** Undefined: everywhere. */
  path: MiddlewarePath | undefined
  middleware: readonly AnyMiddleware[]
}

/** A `use` that adds to a list. */
export function useInto<Self>(used: Used[]): Use<Self> {
  return function use(this: Self, ...given: unknown[]): Self {
    used.push(usedOf(given))
    return this
  } as Use<Self>
}

/** @throws MonoblocError `definition_invalid` */
export function usedOf(given: unknown[]): Used {
  const hasPath = !isMiddleware(firstOf(given[0]))
  const path = hasPath ? given[0] : undefined
  const middleware = (hasPath ? given.slice(1) : given).flat(Number.POSITIVE_INFINITY)
  if (hasPath && ![path].flat().every((one) => typeof one === 'string' || one instanceof RegExp))
    throw invalid(`${describe(path)} is neither a path nor middleware`)
  if (middleware.length === 0) throw invalid('it takes at least one middleware')
  for (const one of middleware) if (!isMiddleware(one)) throw invalid(`${describe(one)} is no middleware`)
  return { path: path as MiddlewarePath | undefined, middleware: middleware as AnyMiddleware[] }
}

function firstOf(value: unknown): unknown {
  return Array.isArray(value) ? firstOf(value[0]) : value
}

function isMiddleware(value: unknown): value is AnyMiddleware {
  return typeof value === 'function'
}

function describe(value: unknown): string {
  return typeof value === 'object' || value === undefined ? `${value}` : JSON.stringify(value)
}

function invalid(detail: string): MonoblocError {
  return new MonoblocError('definition_invalid', { detail: `use(path?, middleware): ${detail}.` })
}
