import type { EffectTools } from './effect.ts'
import { emitEvent } from './event-emit.ts'
import { enqueueJob } from './job-enqueue.ts'

/** What goes along with the unit of work of a `db`. */
export function effectTools(db: unknown): EffectTools {
  return {
    emit: (event, data) => emitEvent(db, event, data),
    enqueue: (job, input, options) => enqueueJob(db, job, input, options),
  }
}
