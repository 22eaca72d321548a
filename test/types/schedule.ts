import { define, model, t } from 'monobloc'
import { z } from 'zod'

const Note = model('note', { id: t.serial(), text: t.text() })
const { job, schedule } = define({ models: { Note } })
const mail = job('mail', { input: z.object({ to: z.string() }), handle() {} })
const sweep = job('sweep', { input: z.object({ all: z.boolean() }).optional(), handle() {} })

export const handler = schedule('handler', {
  cron: '0 7 * * *',
  timezone: 'Europe/Paris',
  missed: 'skip',
  job: { retry: { attempts: 3 }, timeout: 1000 },
  async run({ db, tick, enqueue, job }) {
    tick satisfies { schedule: string; at: Date; missed: number; manual: boolean }
    job.attempt satisfies number
    await enqueue(mail, { to: 'ann' })
    const note = await db.insert(Note, { text: 'a' })
    note.text satisfies string
    // @ts-expect-error no such field
    await db.insert(Note, { title: 'a' })
  },
})
export const jobs = [
  schedule('value', { every: '15m', run: mail, input: { to: 'ann' } }),
  schedule('made', { every: '15m', run: mail, input: (tick) => ({ to: tick.at.toISOString() }) }),
  schedule('none', { every: '15m', run: sweep }),
]

// @ts-expect-error the job wants an input
schedule('a', { every: '15m', run: mail })
// @ts-expect-error of another type
schedule('b', { every: '15m', run: mail, input: { to: 1 } })
// @ts-expect-error both
schedule('c', { every: '15m', cron: '* * * * *', run() {} })
// @ts-expect-error neither
schedule('d', { run() {} })
// @ts-expect-error an interval heeds no zone
schedule('e', { every: '15m', timezone: 'UTC', run() {} })
// @ts-expect-error no span
schedule('f', { every: 'an hour', run() {} })
