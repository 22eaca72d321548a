import { define, model, type Row, type SystemDb, t } from 'monobloc'

export const User = model('user', {
  id: t.id(),
  name: t.text().trim().min(1).max(40).unique(),
  password: t.text().writeOnly(), // its hash
  role: t.enum('customer', 'admin').default('customer').readOnly(),
})

export const Product = model('product', {
  id: t.serial(),
  name: t.text().trim().min(1).max(100).unique(),
  about: t.text().default(''),
  price: t.decimal(10, 2).min('0'),
  stock: t.integer().check({ gte: 0 }), // whatever happens, less than nothing is never left
})

export const Photo = model('photo', {
  id: t.id(),
  product: t.ref(Product, { inverse: 'photos' }).onDelete('cascade'),
  file: t.text().unique(),
})

export const Order = model(
  'order',
  {
    id: t.serial(),
    customer: t.ref(User, { inverse: 'orders' }).readOnly(),
    total: t.decimal(12, 2).readOnly(),
    state: t.enum('placed', 'paid', 'declined', 'sent').default('placed'),
    payment: t.text().nullable().readOnly(), // the charge, as the payment server names it
    createdAt: t.createdAt(),
  },
  { indexes: [['customer', 'id']] },
)

/** One product of an order, at the price of that day. */
export const Line = model('line', {
  id: t.serial(),
  order: t.ref(Order, { inverse: 'lines' }),
  product: t.ref(Product, { inverse: 'lines' }),
  count: t.integer().min(1),
  price: t.decimal(10, 2),
  total: t.decimal(12, 2),
})

/** What is sent to customers; here it is only kept. */
export const Letter = model('letter', {
  id: t.id(),
  customer: t.ref(User, { inverse: 'letters' }),
  text: t.text(),
  createdAt: t.createdAt(),
})

export const models = { User, Product, Photo, Order, Line, Letter }
export const { policy, resource, endpoint, job, on } = define({ models, user: User })
export type ShopDb = SystemDb<typeof models, typeof User>

const admin = ({ user }: { user: Row<typeof User> }) => user.role === 'admin'

policy(User, { read: ({ user }) => user.role === 'admin' || { id: user.id } })
policy(Product, { anyone: { read: true }, create: admin, update: admin, delete: admin })
policy(Photo, { anyone: { read: true }, create: admin, delete: admin })
policy(Order, { read: ({ user }) => user.role === 'admin' || { customer: user.id }, update: admin })
policy(Line, { read: ({ user }) => user.role === 'admin' || { order: { customer: user.id } } })
policy(Letter, { read: ({ user }) => ({ customer: user.id }) })
