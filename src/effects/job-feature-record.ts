import { model, t } from '../schema/index.ts'

/** Which job was the last that was enqueued under a key. */
export const JobUniqueRecord = model(
  'monobloc_job_unique',
  {
    name: t.text(),
    key: t.text(),
    job: t.text(),
    created: t.integer(),
  },
  { key: ['name', 'key'], indexes: [['created']] },
)

/**
 * A name whose jobs have limits over all processes. Whoever claims some of it locks its row first, so that what he counts
 * stays so until his claim is on disk.
 */
export const JobLimitRecord = model(
  'monobloc_job_limit',
  {
    name: t.text(),
    /** JSON: when jobs began lately. See `RecentStarts`. */
    starts: t.text(),
  },
  { key: ['name'] },
)

/** A job that goes on when another has ended: one enqueued with `after`, or a parent and its child. */
export const JobNeedRecord = model(
  'monobloc_job_need',
  {
    job: t.text(),
    need: t.text(),
    /** `fail`: when the other has not ended well, this one fails. `any`: it may end as it will. */
    rule: t.enum('fail', 'any'),
  },
  { key: ['job', 'need'], indexes: [['need']] },
)
