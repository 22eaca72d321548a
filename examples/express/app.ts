import helmet from 'helmet'
import { type Backend, backend, MonoblocError, password } from 'monobloc'
import morgan from 'morgan'
import { z } from 'zod'
import { legacyApp } from './legacy/app.ts'
import { endpoint, Order, Product, resource, User } from './models.ts'
import { sessions } from './session.ts'
import { shopData } from './shop-data.ts'

const signIn = endpoint('POST /sign-in', {
  anyone: true,
  transaction: 'read',
  body: z.object({ name: z.string(), password: z.string() }),
  returns: z.object({ name: z.string(), role: z.string() }),
  async prepare({ body, db }) {
    const user = await db
      .asSystem()
      .first(User, { where: { name: body.name }, fields: ['id', 'name', 'role', 'password'] })
    if (!(await password.verify(user?.password, body.password))) throw new MonoblocError('invalid_credentials')
    return user!
  },
  handle({ req, prepared: { id, name, role } }) {
    req.session.userId = id
    return { name, role }
  },
})

const order = endpoint('POST /orders', {
  body: z.object({ product: z.number().int(), count: z.number().int().positive() }),
  returns: { 201: Order },
  async handle({ body, user, db, reply }) {
    const product = await db.get(Product, body.product)
    if (!product) throw new MonoblocError('reference_not_found', { subject: 'product' })
    if (product.stock < body.count) throw new MonoblocError('conflict', { subject: 'stock' })
    await db.asSystem().update(Product, product.id, { stock: product.stock - body.count })
    reply.status(201)
    return db.insert(Order, { ...body, customer: user.id })
  },
})

const app: Backend = backend({
  name: 'shop',
  serve: [signIn, order, resource(Product, { at: '/products', actions: ['list', 'read', 'create'] })],
  mount: { '/': legacyApp(shopData(() => app)) },
  auth: { identify: (req) => req.session.userId },
  data: 'data/express',
  async seed(db) {
    const hash = await password.hash('correct horse')
    await db.insert(User, [
      { name: 'ann', password: hash },
      { name: 'bob', password: hash, role: 'staff' },
    ])
    await db.insert(Product, [
      { name: 'Teapot', price: '24.50', stock: 3 },
      { name: 'Cup', price: '6.00', stock: 100 },
    ])
  },
})

if (process.env.NODE_ENV !== 'test') app.use(morgan('dev'))
app.use(helmet(), sessions)

export default app
