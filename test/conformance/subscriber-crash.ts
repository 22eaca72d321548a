import { z } from 'zod'
import { createSubscriber, event } from '../../src/effects/index.ts'
import { Effect } from './consumer-models.ts'

export const Made = event('note.made', { schema: z.object({ number: z.int(), of: z.string() }) })

const handle = ({ data, db }: any, by: string) => db.insert(Effect, { number: data.number, by })

/** One of each kind. */
export const crashSubscribers = [
  createSubscriber({}, Made, { name: 'ordered', handle: (given: any) => handle(given, 'ordered') }),
  createSubscriber({}, Made, {
    name: 'keyed',
    key: ({ of }: any) => of,
    prepare: () => new Promise((resolve) => setTimeout(resolve, 1)),
    handle: (given: any) => handle(given, `keyed ${given.data.of}`),
  }),
] as any[]
