import { MonoblocError } from '../errors.ts'
import type { Endpoint } from './endpoint.ts'
import type { EndpointDefaults } from './endpoint-types.ts'
import type { Hooks } from './hooks.ts'
import { type Use, type Used, useInto } from './middleware.ts'
import type { Level } from './middleware-stack.ts'

export interface GroupOptions<Context = any> extends Hooks<Context>, EndpointDefaults {
  /** What stands before the path of each of its routes: `/admin`. Default: nothing. */
  at?: `/${string}`
  /** Endpoints, resources, groups, and objects that hold some, as `backend` takes them. */
  serve: readonly object[]
}

/** Routes that share a path, middleware, hooks and manners. */
export interface Group {
  readonly kind: 'group'
  readonly options: GroupOptions
  readonly middleware: readonly Used[]
  /** Adds middleware that runs for its routes, after the app's and before theirs. Paths are below the group's. */
  use: Use<Group>
}

/** @throws MonoblocError `definition_invalid` */
export function group<Context>(options: GroupOptions<Context>): Group {
  const { at } = options
  if (at !== undefined && !/^(\/[A-Za-z0-9._~-]+)+$/.test(at))
    throw new MonoblocError('definition_invalid', { detail: `group: at: "${at}" is no path such as /admin.` })
  const middleware: Used[] = []
  return { kind: 'group', options, middleware, use: useInto<Group>(middleware) }
}

/** A route as a member of a group whose whole path is `at`: the path of the route has it already. */
export function inGroup({ options, middleware }: Group, at: string, endpoint: Endpoint): Endpoint {
  const { at: _, serve: __, before, after, ...defaults } = options
  const level: Level = { at, used: middleware, before, after }
  return {
    ...endpoint,
    groups: [level, ...(endpoint.groups ?? [])],
    options: { ...defaults, ...endpoint.options },
  }
}

/** The same route below a path. */
export function endpointBelow(at: string, endpoint: Endpoint): Endpoint {
  if (at === '') return endpoint
  const path = endpoint.path === '/' ? at : at + endpoint.path
  return { ...endpoint, path, route: `${endpoint.method} ${path}` }
}
