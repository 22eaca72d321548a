import { Router } from 'express'
import '../session.ts'

/** What the old code asks of the data. */
export interface Shop {
  isStaff(userId: string): Promise<boolean>
  totals(): Promise<{ products: number; orders: number }>
  ordersOf(userId: string): Promise<{ id: number; product: string; count: number }[]>
  cancel(userId: string, order: number): Promise<boolean>
}

export function orders(shop: Shop): Router {
  const router = Router()

  router.get('/', async (req, res) => {
    res.json(await shop.ordersOf(req.session.userId!))
  })

  router.delete('/:id', async (req, res) => {
    const cancelled = await shop.cancel(req.session.userId!, Number(req.params.id))
    if (cancelled) res.sendStatus(204)
    else res.status(404).json({ error: 'no such order' })
  })

  return router
}
