// The app under test: small, and made so that half a transaction, a lost one or a doubled one shows in its rows.
import { define, MonoblocError, model, type SystemDb, t } from 'monobloc'
import { z } from 'zod'
import { accounts, counters, openingBalance, refusals } from './operation.ts'

const Account = model('account', {
  id: t.id(),
  name: t.text().unique(),
  balance: t.integer().check({ gte: 0 }),
  version: t.version(),
})
const Transfer = model('transfer', {
  id: t.id(),
  request: t.text().unique(),
  get from() {
    return t.ref(Account)
  },
  get to() {
    return t.ref(Account)
  },
  amount: t.integer(),
  createdAt: t.createdAt(),
})
const Entry = model('entry', {
  id: t.serial(),
  get transfer() {
    return t.ref(Transfer, { inverse: 'entries' }).onDelete('cascade')
  },
  get account() {
    return t.ref(Account)
  },
  delta: t.integer(),
})
const Tag = model('tag', { id: t.id(), name: t.text().unique() })
const Note = model(
  'note',
  {
    id: t.id(),
    slot: t.text().unique(),
    title: t.text(),
    body: t.text(),
    get tags() {
      return t.manyToMany(Tag, { inverse: 'notes' })
    },
    updatedAt: t.updatedAt(),
    version: t.version(),
  },
  { search: ['title', 'body'] },
)
const Counter = model('counter', { id: t.id(), name: t.text().unique(), value: t.integer().default(0) })
const Hit = model('hit', {
  id: t.serial(),
  request: t.text(),
  get counter() {
    return t.ref(Counter)
  },
  value: t.integer(),
})
const Order = model('order', {
  id: t.id(),
  request: t.text().unique(),
  lineCount: t.integer(),
  paid: t.boolean().default(false),
})
const Line = model(
  'line',
  {
    get order() {
      return t.ref(Order, { inverse: 'lines' }).onDelete('cascade')
    },
    item: t.text(),
    quantity: t.integer(),
    price: t.decimal(10, 2),
  },
  { key: ['order', 'item'] },
)
const Mark = model('mark', { id: t.serial(), request: t.text(), step: t.integer() })

export const models = { Account, Transfer, Entry, Tag, Note, Counter, Hit, Order, Line, Mark }
const { policy, endpoint } = define({ models })
for (const open of Object.values(models))
  policy(open, { anyone: { read: true, create: true, update: true, delete: true } })

const request = z.string()

const putNote = endpoint('PUT /notes/:slot', {
  anyone: true,
  body: z.object({ title: z.string(), body: z.string(), tags: z.array(z.string()) }),
  returns: z.object({ slot: z.string(), version: z.int() }),
  async handle({ params: { slot }, body, db }) {
    const tags: string[] = []
    for (const name of body.tags) tags.push((await db.upsert(Tag, { match: ['name'], insert: { name } })).id)
    const found = await db.first(Note, { where: { slot } })
    const content = { title: body.title, body: body.body, tags }
    const { version } = found ? await db.update(Note, found.id, content) : await db.insert(Note, { slot, ...content })
    return { slot, version }
  },
})

const getNote = endpoint('GET /notes/:slot', {
  anyone: true,
  returns: z.object({ title: z.string(), body: z.string(), tags: z.array(z.object({ name: z.string() })) }),
  async handle({ params: { slot }, db }) {
    const found = await db.first(Note, { where: { slot }, include: { tags: true } })
    if (!found) throw new MonoblocError('not_found', { subject: 'note' })
    return found
  },
})

const deleteNote = endpoint('DELETE /notes/:slot', {
  anyone: true,
  returns: null,
  async handle({ params: { slot }, db }) {
    if ((await db.delete(Note, { where: { slot } })) !== 1) throw new MonoblocError('not_found', { subject: 'note' })
  },
})

const transfer = endpoint('POST /transfers', {
  anyone: true,
  body: z.object({ request, from: z.string(), to: z.string(), amount: z.int() }),
  returns: { 201: z.object({ id: z.string() }) },
  async handle({ body: { request, amount, ...names }, db }) {
    const [from, to] = [
      await db.first(Account, { where: { name: names.from } }),
      await db.first(Account, { where: { name: names.to } }),
    ]
    if (!from || !to) throw new MonoblocError('not_found', { subject: 'account' })
    // What is received comes first, so that a transfer that asks too much is refused after it has written.
    await db.update(Account, to.id, { balance: to.balance + amount })
    const { id } = await db.insert(Transfer, { request, from: from.id, to: to.id, amount })
    await db.insert(Entry, [
      { transfer: id, account: to.id, delta: amount },
      { transfer: id, account: from.id, delta: -amount },
    ])
    await db.update(Account, from.id, { balance: from.balance - amount })
    return { id }
  },
})

const hit = endpoint('POST /hits', {
  anyone: true,
  body: z.object({ request, counter: z.string() }),
  returns: { 201: z.object({ value: z.int(), nonce: z.number() }) },
  async handle({ body, db, reply }) {
    const { sql } = db.asSystem()
    await sql
      .updateTable('counter')
      .set((at) => ({ value: at('value', '+', 1) }))
      .where('name', '=', body.counter)
      .execute()
    const counter = await db.first(Counter, { where: { name: body.counter } })
    if (!counter) throw new MonoblocError('not_found', { subject: 'counter' })
    await db.insert(Hit, { request: body.request, counter: counter.id, value: counter.value })
    reply.header('x-hit', counter.value)
    // A second run could not give the same answer by chance.
    return { value: counter.value, nonce: Math.random() }
  },
})

const order = endpoint('POST /orders', {
  anyone: true,
  body: z.object({ request, lines: z.array(z.object({ item: z.string(), quantity: z.int(), price: z.string() })) }),
  returns: { 201: z.object({ id: z.string() }) },
  async handle({ body: { request, lines }, db }) {
    const { id } = await db.insert(Order, { request, lineCount: lines.length })
    await db.insert(
      Line,
      lines.map((line) => ({ order: id, ...line })),
    )
    const undone = db.transaction(async (inner) => {
      await inner.insert(Line, { order: id, item: 'undone', quantity: 1, price: '1.00' })
      throw new Error('undone')
    })
    await undone.catch(() => {})
    await db.update(Order, id, { paid: true })
    return { id }
  },
})

const refusal = endpoint('POST /refusals', {
  anyone: true,
  body: z.object({ request, how: z.enum(refusals) }),
  async handle({ body: { request, how }, db }) {
    await db.insert(Mark, { request, step: 1 })
    if (how === 'unique') await db.insert(Counter, { name: counters[0]! })
    if (how === 'reference')
      await db.insert(Hit, { request, counter: '00000000-0000-7000-8000-000000000000', value: 0 })
    if (how === 'check') await db.update(Account, { where: { name: accounts[0]! } }, { balance: -1 })
    if (how === 'foreign') await new Promise((resolve) => setTimeout(resolve, 1))
    throw new MonoblocError('conflict', { subject: 'refusal' })
  },
})

const outside = endpoint('POST /outside', {
  anyone: true,
  transaction: false,
  body: z.object({ request }),
  returns: { 201: z.object({ nonce: z.number() }) },
  async handle({ body: { request }, db }) {
    await db.insert(Mark, { request, step: 1 })
    await db.insert(Mark, { request, step: 2 })
    return { nonce: Math.random() }
  },
})

const count = endpoint('GET /count', {
  anyone: true,
  returns: z.object({ notes: z.int(), balance: z.int() }),
  async handle({ db }) {
    const all = await db.find(Account)
    return { notes: await db.count(Note), balance: all.reduce((sum, { balance }) => sum + balance, 0) }
  },
})

export const serve = [putNote, getNote, deleteNote, transfer, hit, order, refusal, outside, count]

type Data = SystemDb<typeof models, never>

export async function seed(db: Data) {
  await db.transaction(async (db) => {
    await db.insert(
      Account,
      accounts.map((name) => ({ name, balance: openingBalance })),
    )
    await db.insert(
      Counter,
      counters.map((name) => ({ name })),
    )
  })
}
