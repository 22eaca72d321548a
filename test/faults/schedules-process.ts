// Runs the schedules of `schedules-app.ts`: schedules-process.ts DATABASE CLOCK, where DATABASE is a file or a URL and CLOCK
// a file with milliseconds since 1970. It looks when it is sent a message, and answers when it has.
import { openSync, readSync } from 'node:fs'
import { Units } from '../../src/commit/index.ts'
import { ScheduleRunner } from '../../src/effects/index.ts'
import { silentLogger } from '../../src/observe/index.ts'
import { createPostgresStorage, createSqliteStorage, Queries } from '../../src/storage/index.ts'
import { definition, Ran, schedules } from './schedules-app.ts'

const [database, clock] = process.argv.slice(2) as [string, string]
const handle = openSync(clock, 'r')
const bytes = Buffer.alloc(8)
const now = (): number => {
  readSync(handle, bytes, 0, 8, 0)
  return bytes.readDoubleLE()
}

const isUrl = database.startsWith('postgres')
const storage = isUrl ? createPostgresStorage({ url: database }) : createSqliteStorage({ file: database })
await storage.open()
const { schema, hooks, policies } = definition
const queries = new Queries(storage.dialect, schema, { now })
const units = new Units({ storage, queries, schema, hooks, guardFor: (user) => policies.guard(schema, user) })

async function enqueue(db: any, job: { name: string }, { at }: { at: string }) {
  const { id } = await db.insert(Ran, { job: job.name, at, by: process.pid })
  return { id: String(id) }
}

const runner = new ScheduleRunner({ storage, units, schedules, now, log: silentLogger, enqueue: enqueue as never })
await runner.start()
process.on('message', async () => {
  await runner.wake()
  process.send!('looked')
})
process.on('disconnect', () => process.exit(1))
process.send!('started')
