import type { AnyModel, Field } from '../schema/index.ts'

/** Applies a merge patch to a document (RFC 7396): objects merge, null removes, everything else replaces. */
export function mergePatch(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch
  const merged: Record<string, unknown> = isObject(target) ? { ...target } : {}
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name]
    else merged[name] = mergePatch(merged[name], value)
  }
  return merged
}

/** The fields of a patch whose documents are to be merged with those that are there. */
export function documentsIn(model: AnyModel, patch: Record<string, unknown>): string[] {
  return Object.keys(patch).filter(
    (name) => (model.fields.get(name) as Field | undefined)?.kind === 'json' && isObject(patch[name]),
  )
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
