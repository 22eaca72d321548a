import type { Field } from './field.ts'
import type { Condition } from './filter-condition.ts'
import type { AnyModel } from './model.ts'

/** How rows of a model are deleted softly. */
export interface Deletion {
  /** The field that says when a row was deleted. */
  field: string
  /** The rows that are not. */
  live: Condition
  /** Milliseconds after which a row is deleted for good; undefined for never. */
  purgeAfter: number | undefined
}

const known = new WeakMap<AnyModel, Deletion | null>()

/** Null where a deleted row is gone at once. */
export function deletionOf(model: AnyModel): Deletion | null {
  let found = known.get(model)
  if (found === undefined) {
    found = read(model)
    known.set(model, found)
  }
  return found
}

/**
 * The rows of a model that are not deleted: what every read is about that does not say otherwise. Undefined where no
 * row is deleted softly, so that nothing needs to be asked.
 */
export function liveRows(model: AnyModel): Condition | undefined {
  return deletionOf(model)?.live
}

function read(model: AnyModel): Deletion | null {
  for (const [field, { options }] of model.fields as Map<string, Field>) {
    if (options.automatic !== 'deletedAt') continue
    const live: Condition = {
      kind: 'compare',
      column: field,
      type: { type: 'timestamp' },
      comparison: { operator: 'null', value: true },
    }
    return { field, live, purgeAfter: options.purgeAfter }
  }
  return null
}
