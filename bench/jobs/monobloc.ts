import path from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { backend, define, model, type SystemDb, t } from 'monobloc'
import pg from 'pg'
import { z } from 'zod'
import { measureRound } from './round.ts'

const models = { Item: model('item', { id: t.id() }) }

// What is done stays in the table: each half has an index of its own.
const counting = `select (select count(*) from monobloc_job where state = 'queued')
  + (select count(*) from monobloc_job where worker is not null) as count`

await measureRound(async (url) => {
  let handle: (n: number) => void = () => {}
  const { job } = define({ models })
  const counted = job('job', { input: z.object({ n: z.int() }), handle: ({ input }) => handle(input.n) })
  const place = url.startsWith('postgres:') ? { database: url } : { data: path.dirname(url) }
  const app = backend({ name: 'bench', serve: [counted], logLevel: 'warn', ...place })
  await app.start({ listen: false })
  await app.jobs.pause('job')
  const looker = await lookAt(url)
  return {
    enqueue: (n) =>
      app.transaction(async (_db: SystemDb<typeof models, undefined>, { enqueue }) => void enqueue(counted, { n })),
    async start(given) {
      handle = given
      await app.jobs.resume('job')
    },
    stop: () => app.jobs.pause('job'),
    open: looker.open,
    async close() {
      await looker.close()
      await app.stop()
    },
  }
})

interface Looker {
  open(): Promise<number>
  close(): unknown
}

/** Looks at the database past the app. */
async function lookAt(url: string): Promise<Looker> {
  if (url.startsWith('postgres:')) {
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    return { open: async () => Number((await client.query(counting)).rows[0].count), close: () => client.end() }
  }
  const database = new DatabaseSync(url, { readOnly: true })
  const statement = database.prepare(counting)
  return { open: async () => Number(statement.get()!.count), close: () => database.close() }
}
