import { vi } from 'vitest'
import { Definition } from '../../src/access/index.ts'
import { Units } from '../../src/commit/index.ts'
import {
  type Consumer,
  ConsumerHost,
  type ConsumerHostOptions,
  type ConsumerWork,
  effectRecords,
} from '../../src/effects/index.ts'
import { silentLogger } from '../../src/observe/index.ts'
import { Queries, type Storage } from '../../src/storage/index.ts'
import { Effect, Note } from './consumer-models.ts'
import { engine, type OpenDatabase } from './engine.ts'

export interface ConsumerFixture {
  storage: Storage
  /** Of the database, for other processes. */
  address: OpenDatabase['address']
  queries: Queries
  units: Units
  clock: { now: number }
  write(...numbers: number[]): Promise<void>
  /** What consumers have made, in order; of one, where it is named. */
  effects(by?: string): Promise<number[]>
  /** A process of its own that runs consumers. It is stopped in the end. */
  host(consumers: Consumer[], options?: Partial<ConsumerHostOptions>): ConsumerHost
  /** The row of a consumer. */
  row(name: string): Promise<any>
  close(): Promise<void>
}

export async function openConsumers(): Promise<ConsumerFixture> {
  const { schema, policies, hooks } = new Definition({ Note, Effect }, undefined, effectRecords)
  const clock = { now: Date.parse('2026-11-22T10:00:00Z') }
  const now = () => clock.now
  const { storage, address, close } = await engine.open(schema, { now })
  const queries = new Queries(storage.dialect, schema, { now })
  const units = new Units({ storage, queries, schema, hooks, guardFor: (user) => policies.guard(schema, user) })
  const db = units.loose('system', { readOnly: false })
  const hosts: ConsumerHost[] = []
  let processes = 0
  return {
    storage,
    address,
    queries,
    units,
    clock,
    async write(...numbers) {
      await db.insert(
        Note,
        numbers.map((number) => ({ number })),
      )
    },
    async effects(by) {
      const rows = (await db.find(Effect, { ...(by && { where: { by } }), sort: 'id' })) as {
        number: number
      }[]
      return rows.map(({ number }) => number)
    },
    host(consumers, options) {
      const owner = `process ${++processes}`
      const host = new ConsumerHost({ storage, units, now, log: silentLogger, owner, ...options }, consumers)
      hosts.push(host)
      return host
    },
    row: async (name) => {
      const { store } = new ConsumerHost({ storage, units, now, log: silentLogger, owner: '' }, [])
      return storage.read({ deadline: 10_000 }, (session) => store.read(session, name))
    },
    async close() {
      await Promise.all(hosts.map((host) => host.stop()))
      await close()
    },
  }
}

/** Notes what it is given, in the transaction of its position. */
export function noting(name: string, more: Partial<Consumer> = {}): Consumer {
  return { name, wants: ({ table }) => table === 'note', handle: note(name), ...more }
}

export function note(by: string): Consumer['handle'] {
  return async ({ db, transactions }: ConsumerWork) => {
    for (const { entries } of transactions)
      for (const { row } of entries) await db.insert(Effect, { number: row.number, by })
  }
}

export async function untilIdle(...hosts: ConsumerHost[]): Promise<void> {
  await vi.waitFor(
    async () => {
      for (const host of hosts) if (!(await host.isIdle())) throw new Error('not idle yet')
    },
    { timeout: 45_000, interval: 5 },
  )
}

export { Effect, Note }
