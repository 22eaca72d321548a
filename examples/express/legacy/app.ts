// What is still Express, as it was: nothing in here knows of Monobloc.
import express, { type ErrorRequestHandler, type RequestHandler } from 'express'
import { orders, type Shop } from './orders.ts'

export type { Shop }

export function legacyApp(shop: Shop): express.Express {
  const app = express()

  const signedIn: RequestHandler = (req, res, next) => {
    if (req.session.userId) next()
    else res.status(401).json({ error: 'sign in first' })
  }

  app.use('/orders', signedIn, orders(shop))

  app.get('/admin', signedIn, async (req, res) => {
    if (!(await shop.isStaff(req.session.userId!))) {
      res.status(403).send('<h1>For staff only</h1>')
      return
    }
    const { products, orders } = await shop.totals()
    res.send(`<!doctype html><title>Shop</title><h1>Shop</h1><p>${products} products, ${orders} orders</p>`)
  })

  app.use((req, res) => {
    res.status(404).json({ error: `no ${req.path} here` })
  })

  const onError: ErrorRequestHandler = (error, _req, res, _next) => {
    res.status(error.status ?? 500).json({ error: 'something broke' })
  }
  app.use(onError)
  return app
}
