import { checkOptions, MonoblocError } from '../errors.ts'
import type { Dialect, Session, Statement } from '../storage/index.ts'
import { clockSkew } from './job-limit.ts'

/** Says that one job is enough. */
export interface JobUnique {
  /** What makes two jobs of a name the same: 1 to 200 characters. */
  key: string
  /**
   * How long one is enough. `open` (default): until it has ended. `waiting`: until it begins; what changes while it runs
   * lets another one run after it. A number: so many milliseconds from when it was enqueued, at most 30 days, whatever
   * becomes of it.
   */
  for?: 'open' | 'waiting' | number
}

const longestKey = 200
export const longestUnique = 30 * 24 * 60 * 60_000

/** @throws MonoblocError `definition_invalid` */
export function checkUnique(name: string, unique: JobUnique): void {
  const refuse = (detail: string): never => {
    throw new MonoblocError('definition_invalid', { subject: name, detail: `enqueue(${name}): unique.${detail}` })
  }
  checkOptions(`enqueue(${name}).unique`, unique, { key: true, for: true })
  const { key, for: span = 'open' } = unique
  if (typeof key !== 'string' || key.length < 1 || key.length > longestKey)
    refuse(`key is a text of 1 to ${longestKey} characters.`)
  const isSpan = Number.isInteger(span) && (span as number) >= 1 && (span as number) <= longestUnique
  if (span !== 'open' && span !== 'waiting' && !isSpan)
    refuse(`for is 'open', 'waiting' or a whole number of milliseconds up to 30 days.`)
}

const textsFor = (postgres: boolean) => {
  const uuid = postgres ? '::uuid' : ''
  const taken = (still: string) => `insert into monobloc_job_unique (name, key, job, created) values ($1, $2, $3, $4)
    on conflict (name, key) do update set job = excluded.job, created = excluded.created where not (${still})`
  const inState = (condition: string) =>
    `exists (select 1 from monobloc_job where id = monobloc_job_unique.job${uuid} and ${condition})`
  return {
    open: taken(inState('ended is null')),
    waiting: taken(inState(`state in ('waiting', 'delayed', 'queued')`)),
    // One of a time that is still far away: the clock was set back since.
    span: taken('monobloc_job_unique.created > $5 and monobloc_job_unique.created <= $6'),
    holder: 'select job from monobloc_job_unique where name = $1 and key = $2',
    // Until this transaction ends nobody begins or ends it: that it is enough stays true.
    lock: `select state from monobloc_job where id = $1${uuid}${postgres ? ' for update' : ''}`,
  }
}

const statements = (postgres: boolean) =>
  Object.fromEntries(
    Object.entries(textsFor(postgres)).map(([name, text]): [string, Statement] => [
      name,
      { sql: postgres ? text : text.replaceAll(/\$(\d)/g, '?$1'), reach: 'bounded' },
    ]),
  ) as Record<keyof ReturnType<typeof textsFor>, Statement>

const made = { sqlite: statements(false), postgres: statements(true) }

/**
 * Notes a new job under its key.
 *
 * @returns the id of the job that is enough; undefined where the new one is to be
 */
export async function takeUnique(
  session: Session,
  { name: engine }: Dialect,
  { name, unique, id, now }: { name: string; unique: JobUnique; id: string; now: number },
): Promise<string | undefined> {
  const { key, for: span = 'open' } = unique
  const words = made[engine]
  const taken =
    typeof span === 'number'
      ? await session.run(words.span, [name, key, id, now, now - span, now + clockSkew])
      : await session.run(words[span], [name, key, id, now])
  if (taken > 0) return undefined
  const holder = String(await session.value(words.holder, [name, key]))
  if (typeof span !== 'number') await session.value(words.lock, [holder])
  return holder
}
