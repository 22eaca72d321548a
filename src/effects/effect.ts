import type { SystemDb } from '../commit/index.ts'
import type { Logger } from '../observe/index.ts'
import type { Emit } from './event.ts'
import type { Enqueue } from './job.ts'

/** What follows a change, as an app declares it: pure data until a backend serves it. */
export interface Effect {
  readonly kind: 'job' | 'subscriber' | 'schedule' | 'webhooks'
  /** Of its kind there is one of a name: what is kept of it in the database goes by the name. */
  readonly name: string
  /** What it was defined with. */
  readonly definition: object
}

/** What handlers do besides rows, in the same transaction. */
export interface EffectTools {
  emit: Emit
  enqueue: Enqueue
}

/** What a handler that runs after a commit is given. It acts as the system. */
export interface EffectContext<Ms, U> extends EffectTools {
  db: SystemDb<Ms, U>
  log: Logger
  /** Aborted when its time is up, when it is cancelled, or when its process stops. */
  signal: AbortSignal
}

const kinds: readonly unknown[] = ['job', 'subscriber', 'schedule', 'webhooks'] satisfies Effect['kind'][]

export function isEffect(value: unknown): value is Effect {
  return kinds.includes((value as Effect | null | undefined)?.kind)
}
