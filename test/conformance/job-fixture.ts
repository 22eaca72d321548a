import { setImmediate as nextRound } from 'node:timers/promises'
import { z } from 'zod'
import { Definition } from '../../src/access/index.ts'
import { Units } from '../../src/commit/index.ts'
import {
  createJob,
  createJobs,
  type EnqueueOptions,
  effectRecords,
  enqueueJob,
  type Job,
  type JobOptions,
  JobRecord,
  JobRunner,
  type JobRunnerOptions,
  type Jobs,
} from '../../src/effects/index.ts'
import { createLogger, Diagnostics, logDiagnostics } from '../../src/observe/index.ts'
import { model, t } from '../../src/schema/index.ts'
import { Queries, type Storage } from '../../src/storage/index.ts'
import { engine } from './engine.ts'

/** What handlers leave behind. */
export const Ran = model('ran', { id: t.serial(), job: t.text(), n: t.integer() })

export const numbered = z.object({ n: z.number() })

export interface JobFixture {
  storage: Storage
  queries: Queries
  units: Units
  /** The data, each call a transaction. */
  db: any
  /** By which everything is timed. */
  clock: { now: number }
  lines: string[]
  job(name: string, options: Partial<JobOptions<any, any, typeof numbered, any>>): Job<typeof numbered>
  runner(jobs: Job[], options?: Partial<JobRunnerOptions>): JobRunner
  start(...jobs: Job[]): Promise<JobRunner>
  enqueue(job: Job<any>, input: unknown, options?: EnqueueOptions): Promise<string>
  /** Those of an app with these. */
  control(...jobs: Job<any>[]): Jobs
  row(id: string): Promise<any>
  /** A statement of nobody's. */
  sql(text: string): Promise<any[]>
  /** The numbers that handlers have left, in their order. */
  ran(): Promise<number[]>
  close(): Promise<void>
}

/** Until nothing is due any more, and nothing runs. */
export async function settled(...runners: JobRunner[]): Promise<void> {
  for (;;) {
    const idle = await Promise.all(runners.map((runner) => runner.isIdle()))
    if (idle.every(Boolean)) return
    await nextRound()
  }
}

export async function openJobs(): Promise<JobFixture> {
  const definition = new Definition({ Ran }, undefined, effectRecords)
  const clock = { now: Date.now() }
  const { schema, hooks, policies } = definition
  const { storage, close } = await engine.open(schema)
  const queries = new Queries(storage.dialect, schema, { now: () => clock.now })
  const units = new Units({ storage, queries, schema, hooks, guardFor: (user) => policies.guard(schema, user) })
  const db = units.loose('system', { readOnly: false }) as any
  const runners: JobRunner[] = []
  const lines: string[] = []
  const diagnostics = new Diagnostics()
  const log = await createLogger({
    level: 'info',
    format: 'json',
    destination: { write: (line: string) => void lines.push(line) } as never,
  })
  logDiagnostics(diagnostics, log)
  const runner = (jobs: Job[], options: Partial<JobRunnerOptions> = {}) => {
    const made = new JobRunner(jobs, {
      storage,
      units,
      queries,
      log,
      now: () => clock.now,
      diagnostics,
      random: () => 0.5,
      ...options,
    })
    runners.push(made)
    return made
  }
  return {
    storage,
    queries,
    units,
    db,
    clock,
    lines,
    runner,
    job: (name, options) => createJob(definition, name, { input: numbered, handle() {}, ...options }),
    async start(...jobs) {
      const made = runner(jobs)
      await made.start()
      return made
    },
    enqueue: async (job, input, options) => (await enqueueJob(db, job, input, options)).id,
    control: (...jobs) => createJobs({ storage, queries, jobs, now: () => clock.now }),
    sql: (text) =>
      storage.write({ deadline: 10_000 }, async (session) => session.all({ sql: text, reach: 'bounded' }, [])),
    row: (id) => db.get(JobRecord, id),
    ran: async () => (await db.find(Ran, { sort: 'id' })).map(({ n }: any) => n),
    async close() {
      await Promise.all(runners.map((made) => made.stop()))
      await close()
    },
  }
}
