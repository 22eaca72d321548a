import pg from 'pg'
import { type Job, PgBoss } from 'pg-boss'
import { measureRound } from '../round.ts'

// What its pages on workers name for throughput (batches, again at once while they come back full, several workers)
// and for latency (LISTEN and NOTIFY).
const batches = { batchSize: 500, burstWhenBatchFull: true, localConcurrency: 4, pollingIntervalSeconds: 0.5 }
// Each job ends by itself, as everywhere else here. 'whole': a batch ends as a whole, its default; one that fails takes
// the others along.
const whole = process.argv[4] === 'whole'

await measureRound(async (connectionString) => {
  const boss = new PgBoss({ connectionString, max: 32, useListenNotify: true })
  boss.on('error', console.error)
  await boss.start()
  await boss.createQueue('job', { notify: true })
  const pool = new pg.Pool({ connectionString, max: 1 })
  return {
    enqueue: (n) => boss.send('job', { n }),
    start(handle) {
      const run = (jobs: Job<{ n: number }>[]) => {
        for (const { data } of jobs) handle(data.n)
        return jobs.map(({ id }) => ({ id, status: 'completed' as const }))
      }
      return whole
        ? boss.work('job', batches, async (jobs: Job<{ n: number }>[]) => void run(jobs))
        : boss.work('job', { ...batches, perJobResults: true }, async (jobs: Job<{ n: number }>[]) => run(jobs))
    },
    stop: () => boss.offWork('job', { wait: true }),
    async open() {
      const { rows } = await pool.query(`select count(*)::int as count from pgboss.job where state <> 'completed'`)
      return rows[0].count
    },
    async close() {
      await boss.stop({ graceful: false, close: true })
      await pool.end()
    },
  }
})
