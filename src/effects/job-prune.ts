import type { Dialect, Session, Statement, Storage } from '../storage/index.ts'
import { longestUnique } from './job-unique.ts'

export interface JobKeep {
  /** Milliseconds that jobs are kept which are done or were cancelled. */
  done: number
  /** Milliseconds that jobs are kept which have failed. */
  failed: number
  /** Above so many jobs, those that are done go before their time, the oldest first. */
  most: number
}

const day = 24 * 60 * 60_000

/** A week to look at what was; a month to mend and retry what has failed. A million jobs are some hundred megabytes. */
export const defaultJobKeep: JobKeep = { done: 7 * day, failed: 30 * day, most: 1_000_000 }

/** Rows that one statement removes: some milliseconds of a write turn. */
const prunedAtOnce = 500

const textsFor = (postgres: boolean) => {
  const uuid = postgres ? '::uuid' : ''
  const text = postgres ? '::text' : ''
  const ids = postgres
    ? `(select value::uuid from json_array_elements_text($1::json))`
    : `(select value from json_each($1))`
  const texts = postgres
    ? `(select value from json_array_elements_text($1::json))`
    : `(select value from json_each($1))`
  // A job is as old as its id. One that another still waits for says how it has ended.
  const old = (states: string) => `select id from monobloc_job
    where id < $1${uuid} and state in (${states}) and ended < $2 and not exists (
      select 1 from monobloc_job_need d join monobloc_job w on w.id = d.job${uuid}
      where d.need = monobloc_job.id${text} and w.ended is null)
    order by id limit $3`
  return {
    done: old(`'done', 'cancelled'`),
    failed: old(`'failed'`),
    beyond: 'select id from monobloc_job order by id desc limit 1 offset $1',
    remove: `delete from monobloc_job where id in ${ids} and ended is not null`,
    needs: `delete from monobloc_job_need where job in ${texts}`,
    unique: `delete from monobloc_job_unique where (name, key) in (
      select name, key from monobloc_job_unique u where created < $1 and not exists (
        select 1 from monobloc_job where id = u.job${uuid} and ended is null) limit $2)`,
  }
}

type Words = Record<keyof ReturnType<typeof textsFor>, Statement>

const statements = (postgres: boolean) =>
  Object.fromEntries(
    Object.entries(textsFor(postgres)).map(([name, text]): [string, Statement] => [
      name,
      { sql: postgres ? text : text.replaceAll(/\$(\d)/g, '?$1'), reach: name === 'beyond' ? 'plan' : 'bounded' },
    ]),
  ) as Words

const made: Record<Dialect['name'], Words> = { sqlite: statements(false), postgres: statements(true) }

const write = { deadline: 10_000, isolation: 'committed' } as const

/** Removes jobs that ended long ago, in small transactions. @returns how many */
export async function pruneJobs(storage: Storage, now: number, keep: JobKeep = defaultJobKeep): Promise<number> {
  const words = made[storage.dialect.name]
  const beyond = await storage.read(write, (session) => session.value(words.beyond, [keep.most]))
  let count = await removeAll(storage, words.done, [firstIdOf(now - keep.done), now - keep.done])
  count += await removeAll(storage, words.failed, [firstIdOf(now - keep.failed), now - keep.failed])
  if (beyond !== undefined) count += await removeAll(storage, words.done, [String(beyond), now + 1])
  for (let removed = prunedAtOnce; removed === prunedAtOnce; ) {
    removed = await storage.write(write, (session) => session.run(words.unique, [now - longestUnique, prunedAtOnce]))
  }
  return count
}

async function removeAll(storage: Storage, found: Statement, [id, ended]: [string, number]): Promise<number> {
  const words = made[storage.dialect.name]
  const remove = async (session: Session) => {
    const ids = (await session.rows(found, [id, ended, prunedAtOnce])).map(([id]) => String(id))
    if (ids.length === 0) return 0
    await session.run(words.remove, [JSON.stringify(ids)])
    await session.run(words.needs, [JSON.stringify(ids)])
    return ids.length
  }
  for (let count = 0; ; ) {
    const removed = await storage.write(write, remove)
    count += removed
    if (removed < prunedAtOnce) return count
  }
}

/** The least id that a job can have which was made at a time: UUIDv7 begins with it (RFC 9562, 5.7). */
function firstIdOf(at: number): string {
  const time = Math.max(0, Math.floor(at)).toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7000-8000-000000000000`
}
