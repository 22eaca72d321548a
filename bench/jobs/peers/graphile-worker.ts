import { Logger, makeWorkerUtils, type Runner, run } from 'graphile-worker'
import pg from 'pg'
import { measureRound } from '../round.ts'

// The configuration that its page on performance gives for its own figures.
const worker = {
  concurrentJobs: 24,
  maxPoolSize: 25,
  localQueue: { size: 500 },
  completeJobBatchDelay: 0,
  failJobBatchDelay: 0,
}
const logger = new Logger(() => () => undefined)

await measureRound(async (connectionString) => {
  const pool = new pg.Pool({ connectionString, max: 32 })
  for (const event of ['error', 'connect'] as const)
    pool.on(event, (client) => client instanceof Error && console.error(client))
  const utils = await makeWorkerUtils({ pgPool: pool, logger })
  await utils.migrate()
  let runner: Runner | undefined
  return {
    enqueue: (n) => utils.addJob('job', { n }),
    async start(handle) {
      const taskList = { job: async (payload: unknown) => handle((payload as { n: number }).n) }
      runner = await run({
        preset: { worker: { ...worker, connectionString, logger } },
        taskList,
        noHandleSignals: true,
      })
    },
    stop: async () => runner?.stop(),
    async open() {
      const { rows } = await pool.query('select count(*)::int as count from graphile_worker._private_jobs')
      return rows[0].count
    },
    async close() {
      await utils.release()
      await pool.end()
    },
  }
})
