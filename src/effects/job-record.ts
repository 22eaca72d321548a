import { model, t } from '../schema/index.ts'

/**
 * A job, from `enqueue` until it is pruned. What states there are, who moves a job from one to the next and what a crash
 * leaves behind is told in docs/state-machines.md. Times are milliseconds since 1970.
 */
export const JobRecord = model(
  'monobloc_job',
  {
    id: t.id(),
    name: t.text(),
    /**
     * `waiting` has others before it. `cancelling` runs, and has been told to stop. `awaiting` has run, and is done once its
     * children are.
     */
    state: t.enum('waiting', 'delayed', 'queued', 'running', 'cancelling', 'awaiting', 'done', 'failed', 'cancelled'),
    /** The lowest runs first: its priority, negated. */
    rank: t.integer(),
    /** From when on it may run; then its place among those of one rank. */
    due: t.integer(),
    /** JSON, as it was enqueued: the schema reads it again when it runs. */
    input: t.text(),
    /** Counted when it is claimed, so that a job which kills its process comes to an end too. */
    attempt: t.integer(),
    /** How many there may be. */
    attempts: t.integer(),
    /** The process that runs it, while it does. */
    worker: t.text().nullable(),
    created: t.integer(),
    started: t.integer().nullable(),
    ended: t.integer().nullable(),
    /** JSON. */
    progress: t.text().nullable(),
    result: t.text().nullable(),
    /** JSON: why the last attempt failed. */
    error: t.text().nullable(),
    /** Of the unit of work that enqueued it. */
    cause: t.text().nullable(),
    trace: t.text().nullable(),
    /** By what its limits count it; null where it has none. */
    slot: t.text().nullable(),
    /** Who enqueued it: a user's key. */
    actor: t.text().nullable(),
  },
  {
    // Each is partial: what has ended, which is most of it, is in none of them.
    indexes: [
      { fields: ['name', 'rank', 'due'], where: { state: 'queued' } },
      { fields: ['due'], where: { state: 'delayed' } },
      { fields: ['worker', 'state'], where: { worker: { null: false } } },
      { fields: ['name', 'slot', 'state', 'rank', 'due'], where: { slot: { null: false }, ended: { null: true } } },
      { fields: ['state'], where: { state: { in: ['waiting', 'awaiting'] } } },
      { fields: ['name'], where: { state: 'failed' } },
    ],
  },
)

/** A process that runs jobs: its lease on all that it has claimed, renewed by one write. */
export const WorkerRecord = model(
  'monobloc_worker',
  {
    /** Of one run of a process. */
    id: t.text(),
    /** Grows with each sign of life. The others watch that it does, by clocks of their own. */
    beat: t.integer(),
    /** Host and process, for people. */
    place: t.text(),
    started: t.integer(),
    /** When it gave its last sign of life. */
    seen: t.integer(),
  },
  { key: ['id'] },
)

/** A name whose jobs wait, in all processes. */
export const JobPauseRecord = model('monobloc_job_pause', { name: t.text(), since: t.integer() }, { key: ['name'] })
