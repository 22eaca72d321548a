import { z } from 'zod'
import { backend, define, model, t } from '../../src/index.ts'

const Done = model('done', { id: t.serial(), n: t.integer(), process: t.integer(), attempt: t.integer() })
export const models = { Done }
const { job } = define({ models })

export { Done }

const numbered = z.object({ n: z.number() })

let begun = 0

/** Leaves one row each time that it is done. A child process is killed in the midst of the one with this number. */
export const count = job('count', {
  input: numbered,
  async handle({ input, db, job }) {
    await db.insert(Done, { n: input.n, process: process.pid, attempt: job.attempt })
    if (++begun === Number(process.env.JOB_KILLED_AT)) process.kill(process.pid, 'SIGKILL')
  },
})

let wasStopped = false

/** Stops a child process with all that it has begun, in the middle of its own work. */
export const sleep = job('sleep', {
  input: numbered,
  async prepare() {
    if (process.env.JOB_CHILD && !wasStopped) {
      wasStopped = true
      process.kill(process.pid, 'SIGSTOP')
    }
  },
  handle: ({ input, db, job }) => db.insert(Done, { n: input.n, process: process.pid, attempt: job.attempt }),
})

/** Ends its process. */
export const kill = job('kill', {
  input: numbered,
  retry: false,
  transaction: false,
  handle() {
    if (process.env.JOB_CHILD) process.kill(process.pid, 'SIGKILL')
  },
})

// Milliseconds: what a busy machine does not spend between two signs of life.
const lease = 600

export const app = backend({ serve: [count, sleep, kill], logLevel: 'error', testing: { lease } } as never)

if (process.env.JOB_CHILD) {
  await app.start({ listen: false })
  console.log('started')
}
