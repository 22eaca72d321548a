import type { Definition } from '../access/index.ts'
import { type Effect, isEffect, withJobs } from '../effects/index.ts'
import { MonoblocError } from '../errors.ts'
import { type Endpoint, endpointBelow, type Group, inGroup, jobStatusEndpoints, type Resource } from '../http/index.ts'
import type { Served } from './backend-types.ts'

/** What `serve` holds: contents of groups, and of objects such as module namespaces, are taken out of them. */
export interface AllServed {
  endpoints: Endpoint[]
  effects: Effect[]
  /** What it was all defined with; undefined for an app without models. */
  definition: Definition | undefined
}

/** @throws MonoblocError `definition_invalid` */
export function allServed(serve: readonly Served[]): AllServed {
  const items = serve.flatMap(servedItems)
  const endpoints = items.flatMap((item) => (isEffect(item) ? [] : endpointsOf(item, '')))
  const effects = [...new Set(withJobs(items.filter(isEffect)))]
  const names = new Set<string>()
  for (const { kind, name } of effects) {
    if (names.has(`${kind} ${name}`))
      throw new MonoblocError('definition_invalid', { subject: name, detail: `Two ${kind}s are called ${name}.` })
    names.add(`${kind} ${name}`)
  }
  const definition = definitionOf([...endpoints, ...effects])
  const taken = new Set(endpoints.map(({ method, path }) => `${method} ${path}`))
  const statuses = jobStatusEndpoints(endpoints, definition).filter((one) => !taken.has(`${one.method} ${one.path}`))
  return { endpoints: [...endpoints, ...statuses], effects, definition }
}

function definitionOf(served: readonly { definition?: object }[]): Definition | undefined {
  const found = new Set(served.flatMap(({ definition }) => (definition ? [definition] : [])))
  if (found.size > 1) {
    throw new MonoblocError('definition_invalid', {
      detail: 'A backend serves what one define() has made; this one serves from several.',
    })
  }
  return [...found][0] as Definition | undefined
}

type Routed = Endpoint | Resource | Group

function isRouted(value: unknown): value is Routed {
  const kind = (value as Routed | null | undefined)?.kind
  return kind === 'endpoint' || kind === 'resource' || kind === 'group'
}

function servedItems(item: Served): (Routed | Effect)[] {
  if (isRouted(item) || isEffect(item)) return [item]
  const inside =
    typeof item === 'object' && item !== null
      ? Object.values(item).filter((value): value is Routed | Effect => isRouted(value) || isEffect(value))
      : []
  if (inside.length > 0) return inside
  throw new MonoblocError('definition_invalid', {
    detail:
      'serve takes endpoints, resources, groups, jobs, subscribers, schedules, and objects that hold some, such as ' +
      '`import * as articles`.',
  })
}

/** @param at the path of the group around them */
function endpointsOf(item: Routed, at: string): readonly Endpoint[] {
  if (item.kind === 'endpoint') return [endpointBelow(at, item)]
  if (item.kind === 'resource') return (at === '' ? item : item.below(at)).endpoints
  const whole = at + (item.options.at ?? '')
  return item.options.serve.flatMap(servedItems).flatMap((inside) => {
    if (isEffect(inside)) {
      throw new MonoblocError('definition_invalid', {
        subject: inside.name,
        detail: `A group has routes only: serve the ${inside.kind} ${inside.name} by the backend itself.`,
      })
    }
    return endpointsOf(inside, whole).map((endpoint) => inGroup(item, whole, endpoint))
  })
}
