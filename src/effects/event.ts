import { checkOptions, MonoblocError } from '../errors.ts'
import type { InferInput, InferOutput, StandardSchemaV1 } from '../schema/index.ts'
import { checkEffectName } from './effect-name.ts'

export interface EventOptions<S extends StandardSchemaV1> {
  /**
   * Checks what is emitted, and gives subscribers their types. What is kept is JSON as it was given: a subscriber is given
   * what the schema makes of that, so that times are `z.iso.datetime()` or `z.coerce.date()`.
   */
  schema: S
  /** Of the schema: 1, 2, 3, … Default 1. */
  version?: number
  /**
   * From the data of an older version to that of the next: `{ 1: (data) => ({ ...data, currency: 'EUR' }) }`. One for each
   * version that the log may still hold, without a gap up to the newest.
   */
  upcast?: Readonly<Record<number, (data: any) => unknown>>
}

/** Something that happens in an app, by name: pure data. */
export interface EventType<S extends StandardSchemaV1 = StandardSchemaV1> {
  readonly kind: 'event'
  readonly name: string
  readonly version: number
  readonly options: EventOptions<S>
}

export type DataOf<E> = E extends EventType<infer S> ? InferOutput<S> : never

/**
 * Says that something has happened, in the transaction of what made it happen: subscribers hear of it once that is on disk.
 * It need not be awaited: the transaction does, and what it throws undoes that.
 *
 * @throws MonoblocError `event_invalid`, `event_too_large`, and what a subscriber with `within` throws
 */
export type Emit = <S extends StandardSchemaV1>(event: EventType<S>, data: InferInput<S>) => Promise<void>

/** Far more than anyone counts to, and exact. */
const newestVersion = 1_000_000

/**
 * Something that happens in an app.
 *
 *     export const Published = event('article.published', { schema: z.object({ article: z.uuid() }) })
 *
 * @throws MonoblocError `definition_invalid`
 */
export function event<S extends StandardSchemaV1>(name: string, options: EventOptions<S>): EventType<S> {
  checkEffectName('event', name)
  checkOptions(`event("${name}")`, options, { schema: true, version: true, upcast: true })
  const { schema, version = 1, upcast = {} } = options
  if (typeof schema?.['~standard']?.validate !== 'function')
    throw invalid(name, 'schema is a schema: z.object({ … }), or any that follows Standard Schema.')
  if (!isVersion(version)) throw invalid(name, 'version is a whole number from 1 on.')
  const steps = Object.keys(upcast).map(Number)
  const oldest = Math.min(version, ...steps)
  for (const step of steps) {
    if (!isVersion(step) || step >= version)
      throw invalid(name, `upcast says how to read versions before ${version}, and ${step} is none.`)
  }
  for (let step = oldest; step < version; step++) {
    if (typeof upcast[step] !== 'function')
      throw invalid(name, `upcast lacks the function from version ${step} to ${step + 1}.`)
  }
  return { kind: 'event', name, version, options }
}

export function isEvent(value: unknown): value is EventType {
  return (value as EventType | null | undefined)?.kind === 'event'
}

function isVersion(value: unknown): boolean {
  return Number.isInteger(value) && (value as number) >= 1 && (value as number) <= newestVersion
}

function invalid(name: string, detail: string): MonoblocError {
  return new MonoblocError('definition_invalid', { subject: name, detail: `event("${name}"): ${detail}` })
}
