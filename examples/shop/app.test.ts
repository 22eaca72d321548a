import { type TestAnswer, type TestBackend, type TestClient, testBackend } from 'monobloc/testing'
import { expect, test, vi } from 'vitest'
import app from './app.ts'
import { Letter, Line, Order, Product, User } from './models.ts'
import { cents, money } from './money.ts'
import { type Mood, startPayments } from './payments/server.ts'

async function customers(backend: TestBackend, count: number) {
  const named = Array.from({ length: count }, (_, at) => ({ name: `buyer ${at}`, password: '' }))
  return (await backend.db.insert(User, named)).map((user) => backend.as(user))
}

async function adminOf(backend: TestBackend) {
  return backend.as((await backend.db.first(User, { where: { name: 'admin' } }))!)
}

/** As a good client does: what a busy server has not come to is sent again, under the same key. */
async function buy(buyer: TestClient, items: object[], key: string = crypto.randomUUID()): Promise<TestAnswer> {
  const answer = await buyer.post('/orders', { items }, { 'idempotency-key': key })
  return answer.status === 503 || 'retry-after' in answer.headers ? buy(buyer, items, key) : answer
}

const sumOf = (amounts: string[]) => money(amounts.reduce((sum, amount) => sum + cents(amount), 0n))

test('200 parallel buyers get exactly what there is, and pay exactly for that', async () => {
  await using _payments = await payments('fine')
  await using backend = await testBackend(app)
  const before = await tablesOf(backend)
  const pot = await backend.db.insert(Product, { name: 'Pot', price: '19.99', stock: 50 })
  const lid = await backend.db.insert(Product, { name: 'Lid', price: '0.10', stock: 1000 })
  const items = [
    { product: pot.id, count: 1 },
    { product: lid.id, count: 3 },
  ]
  const buyers = await customers(backend, 200)
  const answers = await Promise.all(buyers.map((buyer) => buy(buyer, items)))

  const bought = answers.filter(({ status }) => status === 201)
  const refused = answers.filter(({ status }) => status === 409)
  expect([bought.length, refused.length]).toEqual([50, 150])
  for (const { body } of refused) {
    expect(body.errors).toEqual([{ in: 'body', pointer: '#/items/0', code: 'out_of_stock', detail: 'only 0 left' }])
  }
  // 19.99 + 3 * 0.10
  expect(new Set(bought.map(({ body }) => body.total))).toEqual(new Set(['20.29']))
  expect(await backend.db.get(Product, pot.id)).toMatchObject({ stock: 0 })
  expect(await backend.db.get(Product, lid.id)).toMatchObject({ stock: 850 })

  const [lines] = await backend.db.aggregate(Line, {
    where: { product: { in: [pot.id, lid.id] } },
    count: true,
    sum: ['count', 'total'],
  })
  expect(lines).toEqual({ count: 100, sum: { count: 200, total: '1014.50' } })
  const orders = await backend.db.find(Order, { where: { id: { in: bought.map(({ body }) => body.id) } } })
  expect(sumOf(orders.map(({ total }) => total))).toBe('1014.50')
  await backend.settled()
  expect(await replayed(backend, before)).toEqual(await tablesOf(backend))
})

test('a checkout that is sent again, at once or later, buys once', async () => {
  await using backend = await testBackend(app)
  const { id, price } = await backend.db.insert(Product, { name: 'Pot', price: '19.99', stock: 100 })
  const buyers = await customers(backend, 20)
  const buyAgain = (buyer: TestClient) => buy(buyer, [{ product: id, count: 2 }], 'the-same-for-all')
  const atOnce = await Promise.all([0, 1, 2].flatMap(() => buyers.map(buyAgain)))
  const later = await Promise.all(buyers.map(buyAgain))

  for (const [at, answer] of [...atOnce, ...later].entries()) {
    expect(answer).toMatchObject({ status: 201, body: later[at % 20]!.body })
  }
  expect(new Set(later.map(({ body }) => body.id)).size).toBe(20)
  expect(await backend.db.get(Product, id)).toMatchObject({ stock: 60 })
  const [sold] = await backend.db.aggregate(Line, { where: { product: id }, count: true, sum: ['total'] })
  expect(sold).toEqual({ count: 20, sum: { total: money(cents(price) * 40n) } })
  const written = await backend.written(Order)
  expect(written.filter(({ operation }) => operation === 'insert')).toHaveLength(20)
  const another = await buy(buyers[0]!, [{ product: id, count: 3 }], 'the-same-for-all')
  expect(another).toMatchObject({ status: 422, body: { code: 'idempotency_mismatch' } })
})

test('an order is all of it or nothing', async () => {
  await using backend = await testBackend(app)
  const [buyer] = await customers(backend, 1)
  const kettle = (await backend.db.first(Product, { where: { name: 'Kettle' } }))!
  const before = await tablesOf(backend)
  const items = [kettle.id, kettle.id, 999].map((product) => ({ product, count: 2 }))
  const answer = await buyer!.post('/orders', { items })
  expect(answer).toMatchObject({ status: 409, body: { code: 'conflict', subject: 'stock' } })
  expect(answer.body.errors.map((one: any) => [one.pointer, one.detail])).toEqual([
    ['#/items/1', 'only 1 left'],
    ['#/items/2', 'is not sold here'],
  ])
  expect(await tablesOf(backend)).toEqual(before)
  expect((await backend.post('/orders', { items })).status).toBe(401)
  expect((await buyer!.post('/orders', { items: [{ product: kettle.id, count: 0 }] })).status).toBe(422)
})

test('people sign in, and see what the policy grants them', async () => {
  await using backend = await testBackend(app)
  const ann = { name: 'ann', password: 'correct horse' }
  expect((await backend.post('/users', ann)).status).toBe(201)
  expect((await backend.post('/users', { ...ann, role: 'admin' })).status).toBe(422)
  expect((await backend.post('/sign-in', { ...ann, password: 'battery staple' })).status).toBe(401)
  const { token } = (await backend.post('/sign-in', ann)).body
  expect((await backend.get('/me', { authorization: `Bearer ${token}` })).body).toMatchObject({ role: 'customer' })

  const ada = backend.as((await backend.db.first(User, { where: { name: 'ada' } }))!)
  const admin = await adminOf(backend)
  const seenBy = async (who: typeof ada) => (await who.get('/orders?limit=100&include=lines.product,customer')).body
  expect(new Set((await seenBy(ada)).map((order: any) => order.customer.name))).toEqual(new Set(['ada']))
  expect((await seenBy(admin)).length).toBe(await backend.db.count(Order))
  const sold = async (who: typeof ada) => sumOf((await who.get('/sales')).body.map((row: any) => row.total))
  expect(await sold(admin)).toBe(sumOf((await backend.db.find(Order)).map(({ total }) => total)))
  expect(cents(await sold(ada))).toBeLessThan(cents(await sold(admin)))

  const [order] = await seenBy(ada)
  expect((await ada.patch(`/orders/${order.id}`, { state: 'sent' })).status).toBe(403)
  expect((await admin.patch(`/orders/${order.id}`, { total: '0.00' })).status).toBe(422)
  expect((await admin.patch(`/orders/${order.id}`, { state: 'sent' })).body).toMatchObject({ state: 'sent' })
})

test('the admin keeps the shelves: products and their photos', async () => {
  await using backend = await testBackend(app)
  const [buyer] = await customers(backend, 1)
  const admin = await adminOf(backend)
  const spoon = { name: 'Spoon', price: '1.05', stock: 4 }
  expect((await buyer!.post('/products', spoon)).status).toBe(403)
  const { id } = (await admin.post('/products', spoon)).body
  expect((await admin.patch(`/products/${id}`, { stock: -1 })).status).toBe(422)

  const png = Buffer.from('89504e470d0a1a0a', 'hex')
  const photo = (bytes: Uint8Array<ArrayBuffer>) => {
    const form = new FormData()
    form.append('photo', new File([bytes], 'spoon.png', { type: 'image/png' }))
    return form
  }
  expect((await buyer!.post(`/products/${id}/photos`, photo(png))).status).toBe(403)
  expect((await admin.post(`/products/${id}/photos`, photo(Buffer.from('<script>')))).status).toBe(415)
  expect((await admin.post(`/products/${id}/photos`, photo(png))).status).toBe(201)

  const [shown] = (await backend.get(`/products?id=${id}&include=photos`)).body
  expect(shown.photos).toHaveLength(1)
  const { status, headers, body } = await backend.get(`/photos/${shown.photos[0].file}`)
  expect([status, headers['content-type'], Buffer.from(body)]).toEqual([200, 'image/png', png])
  expect(headers['cache-control']).toContain('immutable')
  expect((await backend.get('/')).body).toContain('Tea shop')
})

test('an order is paid once, however often payments fail, and its customer hears of it', async () => {
  await using server = await payments('refuse', 'fine', 'lose', 'fine')
  await using backend = await testBackend(app)
  const { id: product } = await backend.db.insert(Product, { name: 'Pot', price: '20.00', stock: 100 })
  const buyers = await customers(backend, 10)
  const answers = await Promise.all(buyers.map((buyer) => buy(buyer, [{ product, count: 1 }])))
  const orders = answers.map(({ body }) => body.id as number)
  await vi.waitFor(async () => {
    const paid = { id: { in: orders }, state: 'paid' } as const
    expect(await backend.db.count(Order, { where: paid })).toBe(10)
    expect(await backend.db.count(Letter)).toBe(10)
  }, patient)

  // Each was charged once, though half of the answers were errors, late or lost.
  expect(server.charges.map(({ order, amount }) => [order, amount]).sort()).toEqual(
    orders.map((order) => [order, '20.00']).sort(),
  )
  expect(server.asked()).toBeGreaterThan(10)
  const kept = await backend.db.find(Order, { where: { id: { in: orders } } })
  expect(kept.map(({ payment }) => payment).sort()).toEqual(server.charges.map(({ id }) => id).sort())
  expect((await buyers[0]!.get('/letters')).body).toMatchObject([{ text: expect.stringContaining('is paid: 20.00.') }])
}, 30_000)

test('what is declined goes back on the shelves, and no sale is counted', async () => {
  await using _payments = await payments('fine')
  await using backend = await testBackend(app)
  const { id: product } = await backend.db.insert(Product, { name: 'Samovar', price: '9000.00', stock: 5 })
  const [buyer] = await customers(backend, 1)
  const { body } = await buy(buyer!, [{ product, count: 2 }])
  expect(await backend.db.get(Product, product)).toMatchObject({ stock: 3 })
  await backend.settled()
  expect(await backend.db.get(Order, body.id)).toMatchObject({ state: 'declined', payment: null })
  expect(await backend.db.get(Product, product)).toMatchObject({ stock: 5 })
  expect((await buyer!.get('/sales')).body).toEqual([])
})

const patient = { timeout: 20_000, interval: 20 }

/** Payments whose server is in these moods, by turns. */
async function payments(...moods: Mood[]) {
  let asked = 0
  const server = await startPayments(() => moods[asked++ % moods.length]!)
  vi.stubEnv('PAYMENTS_URL', server.url)
  return {
    ...server,
    asked: () => asked,
    async [Symbol.asyncDispose]() {
      vi.unstubAllEnvs()
      server.stop()
    },
  }
}

type Tables = Record<string, Record<string, unknown>>
const kept = [User, Product, Order, Line, Letter]

/** Every row of the shop as JSON has it, by table and key. */
async function tablesOf({ db }: TestBackend): Promise<Tables> {
  const rows = await Promise.all(kept.map((model) => db.find(model, { sort: 'id' })))
  const named = kept.map(({ name }, at) => [name, Object.fromEntries(rows[at]!.map((row) => [row.id, row]))])
  return JSON.parse(JSON.stringify(Object.fromEntries(named)))
}

/** What the commit log makes of the tables as they were. */
async function replayed(backend: TestBackend, tables: Tables): Promise<Tables> {
  for (const { table, operation, key, row } of await backend.written()) {
    const rows = tables[table]!
    if (operation === 'delete') delete rows[`${key.id}`]
    else rows[`${key.id}`] = row
  }
  return tables
}
