import { define, model, t } from 'monobloc'

export const User = model('user', {
  id: t.id(),
  name: t.text().min(1).max(40).unique(),
  password: t.text().writeOnly(),
  role: t.enum('customer', 'staff').default('customer').readOnly(),
})

export const Product = model('product', {
  id: t.serial(),
  name: t.text().min(1).max(100).unique(),
  price: t.decimal(10, 2).min('0'),
  stock: t.integer().min(0),
})

export const Order = model('order', {
  id: t.serial(),
  product: t.ref(Product),
  customer: t.ref(User, { inverse: 'orders' }),
  count: t.integer().min(1),
  createdAt: t.createdAt(),
})

export const { policy, resource, endpoint, group } = define({ models: { User, Product, Order }, user: User })

policy(User, { read: ({ user }) => ({ id: user.id }) })
policy(Product, {
  anyone: { read: true },
  read: true,
  create: ({ user }) => user.role === 'staff',
  update: ({ user }) => user.role === 'staff',
})
policy(Order, {
  read: ({ user }) => user.role === 'staff' || { customer: user.id },
  create: ({ user }) => ({ customer: user.id }),
})
