// The app of the campaign of what follows the commit log: money, stock, counters, registers, and what is done because of
// them. No unique key hides a second effect.
import { define, event, MonoblocError, model, type SystemDb, t } from 'monobloc'
import { z } from 'zod'

export const accountNames = Array.from({ length: 8 }, (_, at) => `account-${at}`)
export const openingBalance = 500
export const productNames = ['anvil', 'brush', 'cable', 'drill']
export const openingStock = 60
export const counterNames = ['left', 'right']

const Account = model('account', {
  id: t.id(),
  name: t.text().unique(),
  balance: t.integer().check({ gte: 0 }),
  version: t.version(),
})
const Transfer = model('transfer', {
  id: t.serial(),
  request: t.text(),
  source: t.text(),
  target: t.text(),
  amount: t.integer(),
  createdAt: t.createdAt(),
})
const Product = model('product', {
  id: t.id(),
  name: t.text().unique(),
  stock: t.integer(),
  /** Raised by the job that ships. */
  shipped: t.integer().default(0),
})
const Purchase = model('purchase', { id: t.serial(), request: t.text(), product: t.text(), quantity: t.integer() })
const Counter = model('counter', { id: t.id(), name: t.text().unique(), value: t.integer().default(0) })
const Hit = model('hit', { id: t.serial(), request: t.text(), counter: t.text(), value: t.integer() })
const Register = model('register', { id: t.id(), name: t.text().unique(), value: t.integer() })
/** What a job has done. */
const Work = model('work', { id: t.serial(), request: t.text(), job: t.text(), amount: t.integer().default(0) })
/** What a subscriber has seen. */
const Seen = model('seen', { id: t.serial(), request: t.text(), subscriber: t.text() })
/** How much there was of it: raised by one in the same transaction. */
const Tally = model('tally', { id: t.id(), name: t.text().unique(), value: t.integer().default(0) })
const Mark = model('mark', { id: t.serial(), request: t.text() })

export const models = { Account, Transfer, Product, Purchase, Counter, Hit, Register, Work, Seen, Tally, Mark }
export const { policy, endpoint, job, on, schedule, cached, webhooks } = define({ models })
for (const open of Object.values(models))
  policy(open, { anyone: { read: true, create: true, update: true, delete: true } })

const request = z.string()

const Moved = event('moved', { schema: z.object({ request, source: z.string(), amount: z.int() }) })
const Counted = event('counted', { schema: z.object({ request, counter: z.string() }) })

type Db = SystemDb<typeof models, never>

/** Counts one more, in the transaction of what is counted. */
async function tally(db: Pick<Db, 'first' | 'update' | 'insert'>, name: string): Promise<void> {
  const found = await db.first(Tally, { where: { name } })
  if (found) await db.update(Tally, found.id, { value: found.value + 1 })
  else await db.insert(Tally, { name, value: 1 })
}

/** Ships what was bought: the product says how much has been shipped of it. */
const ship = job('ship', {
  input: z.object({ request, product: z.string(), quantity: z.int() }),
  async handle({ input, db }) {
    await db.insert(Work, { request: input.request, job: 'ship', amount: input.quantity })
    const product = await oneNamed(db as never, Product, input.product)
    await db.update(Product, product.id, { shipped: product.shipped + input.quantity })
    await tally(db, 'ship')
  },
})

/** The end of a chain: a request, its event, a subscriber, this. */
const thank = job('thank', {
  input: z.object({ request }),
  async handle({ input, db }) {
    await db.insert(Work, { request: input.request, job: 'thank' })
    await tally(db, 'thank')
  },
})

/** Prepares outside the transaction, and waits there. */
const greet = job('greet', {
  input: z.object({ request }),
  prepare: () => new Promise<number>((resolve) => setTimeout(resolve, 3, 7)),
  async handle({ input, prepared, db }) {
    await db.insert(Work, { request: input.request, job: 'greet', amount: prepared as number })
    await tally(db, 'greet')
  },
})

const audit = on(Moved, {
  name: 'audit',
  async handle({ data, db, enqueue }) {
    await db.insert(Seen, { request: data.request, subscriber: 'audit' })
    await tally(db, 'audit')
    enqueue(thank, { request: data.request })
  },
})

/** Ordered per account, accounts side by side. */
const perAccount = on(Moved, {
  name: 'per-account',
  key: ({ source }) => source,
  async handle({ data, db }) {
    await db.insert(Seen, { request: data.request, subscriber: 'per-account' })
  },
})

/** In the transaction that emits. */
const atOnce = on(Moved, {
  name: 'at-once',
  within: true,
  async handle({ data, db }) {
    await db.insert(Seen, { request: data.request, subscriber: 'at-once' })
  },
})

const watch = on(Counted, {
  name: 'watch',
  async handle({ data, db }) {
    await db.insert(Seen, { request: data.request, subscriber: 'watch' })
    await tally(db, 'watch')
  },
})

/** Milliseconds from one tick to the next. */
export const tickMilliseconds = 30_000

const pulse = schedule('pulse', {
  every: '30s',
  missed: 'all',
  async run({ tick, db }) {
    await db.insert(Work, { request: tick.at.toISOString(), job: 'pulse' })
    await tally(db, 'pulse')
  },
})

/** Where webhooks are sent to, by their paths. */
const hooked = { everything: [Moved, Counted], moves: [Moved] }
export const hookSecret = 'whsec_bm90IGEgc2VjcmV0LCBmb3IgZXZlcnlib2R5IGtub3dzIGl0'

const hooks = webhooks({
  events: [Moved, Counted],
  egress: { allow: ['127.0.0.1'], http: true, ports: 'any' },
  retry: { delay: 500, longest: 5_000 },
  timeout: 700,
})

/**
 * What follows from each kind of request: a row of `work` or `seen`, by the name of the job or subscriber, and a delivery, by
 * where it is sent to.
 */
export const followers = {
  transfer: { work: ['thank'], seen: ['audit', 'per-account', 'at-once'], sent: ['everything', 'moves'] },
  purchase: { work: ['ship'], seen: [], sent: [] },
  restock: { work: [], seen: [], sent: [] },
  hit: { work: ['greet'], seen: ['watch'], sent: ['everything'] },
  refusal: { work: [], seen: [], sent: [] },
} as const

async function oneNamed<M extends typeof Account | typeof Product | typeof Counter>(
  db: { first(model: M, options: object): Promise<any> },
  model: M,
  name: string,
) {
  const found = await db.first(model, { where: { name } })
  if (!found) throw new MonoblocError('not_found', { subject: name })
  return found
}

const transfer = endpoint('POST /transfers', {
  anyone: true,
  body: z.object({ request, source: z.string(), target: z.string(), amount: z.int() }),
  returns: { 201: z.object({ balance: z.int() }) },
  async handle({ body, db, emit }) {
    emit(Moved, { request: body.request, source: body.source, amount: body.amount })
    const source = await oneNamed(db as never, Account, body.source)
    const target = await oneNamed(db as never, Account, body.target)
    // What is received comes first, so that a transfer that asks too much is refused after it has written.
    await db.update(Account, target.id, { balance: target.balance + body.amount })
    await db.insert(Transfer, body)
    const { balance } = await db.update(Account, source.id, { balance: source.balance - body.amount })
    return { balance }
  },
})

const purchase = endpoint('POST /purchases', {
  anyone: true,
  body: z.object({ request, product: z.string(), quantity: z.int() }),
  returns: { 201: z.object({ left: z.int() }) },
  async handle({ body, db, enqueue }) {
    const product = await oneNamed(db as never, Product, body.product)
    const left = product.stock - body.quantity
    enqueue(ship, body)
    await db.insert(Purchase, body)
    await db.update(Product, product.id, { stock: left })
    if (left < 0) throw new MonoblocError('conflict', { subject: 'stock' })
    return { left }
  },
})

const restock = endpoint('POST /restocks', {
  anyone: true,
  body: z.object({ request, product: z.string(), quantity: z.int() }),
  returns: { 201: z.object({ left: z.int() }) },
  async handle({ body, db }) {
    const product = await oneNamed(db as never, Product, body.product)
    await db.insert(Purchase, { ...body, quantity: -body.quantity })
    const { stock } = await db.update(Product, product.id, { stock: product.stock + body.quantity })
    return { left: stock }
  },
})

const hit = endpoint('POST /hits', {
  anyone: true,
  body: z.object({ request, counter: z.string() }),
  returns: { 201: z.object({ value: z.int(), nonce: z.number() }) },
  async handle({ body, db, reply, emit, enqueue }) {
    emit(Counted, body)
    enqueue(greet, { request: body.request })
    const counter = await oneNamed(db as never, Counter, body.counter)
    const value = counter.value + 1
    await db.update(Counter, counter.id, { value })
    await db.insert(Hit, { request: body.request, counter: body.counter, value })
    reply.header('x-hit', value)
    // A second run could not give the same answer by chance.
    return { value, nonce: Math.random() }
  },
})

const setRegister = endpoint('PUT /registers/:name', {
  anyone: true,
  body: z.object({ value: z.int() }),
  returns: z.object({ value: z.int() }),
  async handle({ params: { name }, body: { value }, db }) {
    const found = await db.first(Register, { where: { name } })
    // What its client has long given up must not come after what it sent next.
    if (found && found.value >= value) throw new MonoblocError('conflict', { subject: name })
    if (found) await db.update(Register, found.id, { value })
    else await db.insert(Register, { name, value })
    return { value }
  },
})

const getRegister = endpoint('GET /registers/:name', {
  anyone: true,
  returns: z.object({ value: z.int() }),
  async handle({ params: { name }, db }) {
    const found = await db.first(Register, { where: { name } })
    return { value: found?.value ?? 0 }
  },
})

/** Its answers are kept by each process until the register changes. */
const getKept = endpoint('GET /kept/:name', {
  anyone: true,
  cache: true,
  returns: z.object({ value: z.int() }),
  async handle({ params: { name }, db }) {
    const found = await db.first(Register, { where: { name } })
    return { value: found?.value ?? 0 }
  },
})

const registerValue = cached('value of a register', async (db, name: string) => {
  const found = await db.first(Register, { where: { name } })
  return { value: found?.value ?? 0 }
})

/** What a function has kept. */
const getCached = endpoint('GET /cached/:name', {
  anyone: true,
  returns: z.object({ value: z.int() }),
  handle: ({ params: { name }, db }) => registerValue(db, name),
})

const sum = endpoint('GET /sum', {
  anyone: true,
  cache: true,
  returns: z.object({ balance: z.int() }),
  async handle({ db }) {
    const all = await db.find(Account)
    return { balance: all.reduce((total, { balance }) => total + balance, 0) }
  },
})

const refusal = endpoint('POST /refusals', {
  anyone: true,
  body: z.object({ request }),
  async handle({ body, db, emit, enqueue }) {
    await db.insert(Mark, { request: body.request })
    emit(Counted, { request: body.request, counter: 'none' })
    enqueue(thank, { request: body.request })
    throw new MonoblocError('conflict', { subject: 'refusal' })
  },
})

export const effects = [ship, thank, greet, audit, perAccount, atOnce, watch, pulse, hooks]
export const serve = [
  transfer,
  purchase,
  restock,
  hit,
  setRegister,
  getRegister,
  getKept,
  getCached,
  sum,
  refusal,
  ...effects,
]

/** @param receiver the address under which webhooks are received */
export async function seed(db: Db, receiver: string) {
  await db.transaction(async (db) => {
    await db.insert(
      Account,
      accountNames.map((name) => ({ name, balance: openingBalance })),
    )
    await db.insert(
      Product,
      productNames.map((name) => ({ name, stock: openingStock })),
    )
    await db.insert(
      Counter,
      counterNames.map((name) => ({ name })),
    )
    for (const [path, events] of Object.entries(hooked))
      await hooks.in(db).add({ url: `${receiver}/${path}`, events: events.map(({ name }) => name), secret: hookSecret })
  })
}
