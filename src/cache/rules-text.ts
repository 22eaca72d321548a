import type { Guard } from '../commit/index.ts'
import type { AnyModel, Relation } from '../schema/index.ts'

/**
 * What a user may read of some models, as text: two users of the same text see the same rows. Asked anew for each use, so
 * that a rule which gives another filter each time, as by the clock, never finds what another gave.
 */
export function rulesText(guard: Guard, models: Iterable<AnyModel>): string {
  let text = ''
  for (const model of models) text += `\n${model.name}${JSON.stringify(guard.rule(model, 'read'), shown)}`
  return text
}

/** Whether everybody may read all of these. */
export function areOpen(guard: Guard, models: Iterable<AnyModel>): boolean {
  for (const model of models) if (!guard.isOpen?.(model)) return false
  return true
}

function shown(name: string, value: unknown): unknown {
  if (typeof value === 'bigint') return `${value}n`
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64')
  // A relation leads to models, and from there to all others. A document may have a member of that name, and no models.
  if (name === 'relation' && isRelation(value)) return `${value.from.name}.${value.name}`
  return value
}

function isRelation(value: any): value is Relation {
  return value?.from?.fields instanceof Map
}
