import { Queue, Worker } from 'bullmq'
import { measureRound } from '../round.ts'

// Its documentation advises between 100 and 300 for jobs that wait; beyond 100 it was no faster here.
const concurrency = 100

await measureRound(async (url) => {
  const { hostname, port } = new URL(url)
  const connection = { host: hostname, port: Number(port), maxRetriesPerRequest: null }
  const queue = new Queue('bench', { connection, defaultJobOptions: { removeOnComplete: true } })
  await queue.waitUntilReady()
  let worker: Worker | undefined
  return {
    enqueue: (n) => queue.add('job', { n }),
    async start(handle) {
      worker = new Worker('bench', async (job) => handle(job.data.n), { connection, concurrency })
      worker.on('error', console.error)
      await worker.waitUntilReady()
    },
    stop: async () => worker?.close(),
    async open() {
      const counts = await queue.getJobCounts('waiting', 'active', 'delayed', 'prioritized', 'failed')
      return Object.values(counts).reduce((sum, count) => sum + count, 0)
    },
    close: () => queue.close(),
  }
})
