import type { Definition } from '../access/index.ts'
import { MonoblocError } from '../errors.ts'
import type { Endpoint } from '../http/index.ts'
import type { Served } from './backend-types.ts'

/** What `serve` holds, with the contents of objects such as module namespaces taken out of them. */
export function flatServed(serve: readonly Served[]): Endpoint[] {
  return serve.flatMap((item) => {
    if (isServed(item)) return endpointsOf(item)
    const inside = typeof item === 'object' && item !== null ? Object.values(item).filter(isServed) : []
    if (inside.length > 0) return inside.flatMap(endpointsOf)
    throw new MonoblocError('definition_invalid', {
      detail: 'serve takes endpoints, resources, and objects that hold some, such as `import * as articles`.',
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

interface ServedItem {
  kind: string
  /** A resource is several endpoints. */
  endpoints?: readonly Endpoint[]
}

function isServed(value: unknown): value is ServedItem {
  const kind = (value as ServedItem | null | undefined)?.kind
  return kind === 'endpoint' || kind === 'resource'
}

function endpointsOf(item: ServedItem): readonly Endpoint[] {
  return item.endpoints ?? [item as unknown as Endpoint]
}
