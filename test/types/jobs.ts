import { backend, define, model, t } from 'monobloc'
import { z } from 'zod'

const User = model('user', { id: t.id(), name: t.text() })
const Note = model('note', { id: t.serial(), text: t.text() })
const { endpoint, job } = define({ models: { User, Note }, user: User })

const mail = job('mail', {
  input: z.object({ to: z.string(), at: z.coerce.date(), copies: z.int().default(1) }),
  async prepare({ input, db, signal, idempotencyKey, job }) {
    input.at satisfies Date
    idempotencyKey satisfies string
    job.attempt satisfies number
    signal.aborted satisfies boolean
    await db.count(Note)
    return { sent: true }
  },
  async handle({ input, prepared, db, emit, enqueue, log, progress }) {
    input.copies satisfies number
    prepared.sent satisfies boolean
    // @ts-expect-error the schema has no such field
    input.from
    progress({ sent: 1 })
    log.info('sent')
    emit satisfies object
    const user = await db.first(User)
    if (user) await db.as(user).find(Note)
    await enqueue(plain, {})
    await db.insert(Note, { text: input.to })
  },
})

const plain = job('plain', {
  input: z.object({}),
  retry: { attempts: 3, delay: 1000 },
  priority: 5,
  handle: ({ prepared }) => void (prepared satisfies undefined),
})

// @ts-expect-error attempts are a number
job('wrong', { input: z.object({}), retry: { attempts: 'many' }, handle() {} })

endpoint('POST /mails', {
  async handle({ enqueue }) {
    // What is given is what the schema takes, not what it makes of it.
    const { id } = await enqueue(mail, { to: 'ann', at: '2030-01-01' }, { delay: 1000 })
    id satisfies string
    await enqueue(mail, { to: 'ann', at: new Date() }, { at: new Date() })
    // @ts-expect-error the schema wants `to`
    await enqueue(mail, { at: new Date() })
    // @ts-expect-error no such option
    await enqueue(mail, { to: 'ann', at: 1 }, { later: true })
  },
})

await backend({ serve: [mail, plain] }).transaction(async (_db, { enqueue }) => {
  const { existing } = await enqueue(plain, {})
  return existing satisfies boolean
})

const limited = job('limited', {
  input: z.object({ tenant: z.string(), n: z.coerce.number() }),
  concurrency: {
    limit: 1,
    key(input) {
      input.n satisfies number
      return input.tenant
    },
  },
  rate: { limit: 10, per: 1000 },
  mayFollow: ({ user, job }) => user?.name === 'ann' && job.state === 'done',
  async handle({ enqueue }) {
    const one = await enqueue(plain, {}, { child: true, unique: { key: 'a', for: 'waiting' } })
    await enqueue(plain, {}, { after: [one], afterFailure: 'run', child: 'optional' })
    // @ts-expect-error neither a state nor a time
    await enqueue(plain, {}, { unique: { key: 'a', for: 'never' } })
  },
})

endpoint('POST /limited', {
  returns: { 202: limited },
  handle: ({ enqueue }) => enqueue(limited, { tenant: 'a', n: '1' }),
})

endpoint('POST /wrong', {
  returns: { 202: limited },
  // @ts-expect-error what it answers with is what enqueue gives
  handle: () => ({ fine: true }),
})
