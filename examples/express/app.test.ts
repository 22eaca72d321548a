import { expect, test } from 'vitest'
import { call } from '../../test/api/call.ts'
import { serveApp } from '../../test/api/served-app.ts'
import shop from './app.ts'

test('both halves of the shop work on the same session and the same rows', async () => {
  const { port } = await serveApp(shop)
  const signIn = async (name: string) => {
    const answer = await call(port, 'POST /sign-in', { body: { name, password: 'correct horse' } })
    expect(answer.status).toBe(200)
    return { cookie: answer.headers['set-cookie']![0]!.split(';')[0]! }
  }
  const products = await call(port, 'GET /products?sort=name')
  expect(products.json.map((product: any) => [product.name, product.price])).toEqual([
    ['Cup', '6.00'],
    ['Teapot', '24.50'],
  ])
  expect(products.headers['x-dns-prefetch-control']).toBe('off')
  const teapot = products.json[1]

  expect((await call(port, 'GET /orders')).json).toEqual({ error: 'sign in first' })
  expect((await call(port, 'POST /orders', { body: { product: teapot.id, count: 1 } })).status).toBe(401)
  expect((await call(port, 'POST /sign-in', { body: { name: 'ann', password: 'wrong' } })).status).toBe(401)

  const headers = await signIn('ann')
  const ordered = await call(port, 'POST /orders', { headers, body: { product: teapot.id, count: 2 } })
  expect([ordered.status, ordered.json.count]).toEqual([201, 2])
  expect((await call(port, 'POST /orders', { headers, body: { product: teapot.id, count: 2 } })).json.code).toBe(
    'conflict',
  )
  expect((await call(port, 'GET /orders', { headers })).json).toEqual([
    { id: ordered.json.id, product: 'Teapot', count: 2 },
  ])
  expect((await call(port, 'GET /admin', { headers })).status).toBe(403)
  expect(
    (await call(port, 'POST /products', { headers, body: { name: 'Spoon', price: '1.00', stock: 5 } })).status,
  ).toBe(403)

  const staff = { headers: await signIn('bob') }
  expect((await call(port, 'GET /admin', staff)).body).toContain('2 products, 1 orders')
  expect(
    (await call(port, 'POST /products', { ...staff, body: { name: 'Spoon', price: '1.00', stock: 5 } })).status,
  ).toBe(201)
  expect((await call(port, `DELETE /orders/${ordered.json.id}`, staff)).status).toBe(404)

  expect((await call(port, `DELETE /orders/${ordered.json.id}`, { headers })).status).toBe(204)
  expect((await call(port, `GET /products/${teapot.id}`)).json.stock).toBe(3)
  expect((await call(port, 'GET /nothing')).json).toEqual({ error: 'no /nothing here' })
})
