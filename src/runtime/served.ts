import type { Definition } from '../access/index.ts'
import { MonoblocError } from '../errors.ts'
import { type Endpoint, endpointBelow, type Group, inGroup, type Resource } from '../http/index.ts'
import type { Served } from './backend-types.ts'

/** What `serve` holds, with the contents of groups, and of objects such as module namespaces, taken out of them. */
export function flatServed(serve: readonly Served[], at = ''): Endpoint[] {
  return serve.flatMap((item) => {
    if (isServed(item)) return endpointsOf(item, at)
    const inside = typeof item === 'object' && item !== null ? Object.values(item).filter(isServed) : []
    if (inside.length > 0) return inside.flatMap((one) => endpointsOf(one, at))
    throw new MonoblocError('definition_invalid', {
      detail: 'serve takes endpoints, resources, groups, and objects that hold some, such as `import * as articles`.',
    })
  })
}

/** What the served things were defined with; undefined for an app without models. */
export function definitionOf(endpoints: readonly Endpoint[]): Definition | undefined {
  const found = new Set(endpoints.flatMap(({ definition }) => (definition ? [definition] : [])))
  if (found.size > 1) {
    throw new MonoblocError('definition_invalid', {
      detail: 'A backend serves what one define() has made; this one serves from several.',
    })
  }
  return [...found][0]
}

type ServedItem = Endpoint | Resource | Group

function isServed(value: unknown): value is ServedItem {
  const kind = (value as ServedItem | null | undefined)?.kind
  return kind === 'endpoint' || kind === 'resource' || kind === 'group'
}

/** @param at the path of the group around them */
function endpointsOf(item: ServedItem, at: string): readonly Endpoint[] {
  if (item.kind === 'endpoint') return [endpointBelow(at, item)]
  if (item.kind === 'resource') return (at === '' ? item : item.below(at)).endpoints
  const whole = at + (item.options.at ?? '')
  return flatServed(item.options.serve, whole).map((endpoint) => inGroup(item, whole, endpoint))
}
