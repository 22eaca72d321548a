import { mkdirSync, rmSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath } from 'node:url'
import pg from 'pg'
import { nextMessage, startChild, stopChild } from '../child.ts'
import type { RoundOptions, RoundResult } from './queue.ts'
import { startRedis } from './redis.ts'

export interface QueueKind {
  name: string
  what: string
  main: string
  store: 'SQLite' | 'PostgreSQL' | 'Redis'
  /** For the file. */
  variant?: string
}

const here = (file: string) => fileURLToPath(new URL(file, import.meta.url))

export const queues: readonly QueueKind[] = [
  {
    name: 'bullmq',
    what: 'BullMQ on Redis with `appendfsync everysec`, `concurrency: 100`, `removeOnComplete: true`; what was acknowledged in the last second is lost with the machine',
    main: here('./peers/bullmq.ts'),
    store: 'Redis',
  },
  {
    name: 'graphile-worker',
    what: 'graphile-worker as its page on performance has it: `concurrentJobs: 24`, `localQueue: { size: 500 }`, `completeJobBatchDelay: 0`',
    main: here('./peers/graphile-worker.ts'),
    store: 'PostgreSQL',
  },
  {
    name: 'pg-boss',
    what: 'pg-boss with LISTEN and NOTIFY, four workers, `batchSize: 500`, `burstWhenBatchFull: true`, `perJobResults: true`: each job ends by itself, as everywhere else here',
    main: here('./peers/pg-boss.ts'),
    store: 'PostgreSQL',
  },
  {
    name: 'pg-boss-whole',
    what: 'the same without `perJobResults`: a batch of 500 ends as a whole, and one that fails takes the others along',
    main: here('./peers/pg-boss.ts'),
    store: 'PostgreSQL',
    variant: 'whole',
  },
  {
    name: 'monobloc-sqlite',
    what: 'Monobloc with its defaults, `synchronous=FULL`: each handler in a transaction with its completion',
    main: here('./monobloc.ts'),
    store: 'SQLite',
  },
  {
    name: 'monobloc-postgresql',
    what: 'the same on PostgreSQL, with its pool of 10 connections',
    main: here('./monobloc.ts'),
    store: 'PostgreSQL',
  },
]

/** Where rounds make their stores. */
export interface Stores {
  /** A folder of the run's own. */
  folder: string
  /** A PostgreSQL whose user may create databases. */
  postgres: string
}

/** Runs a round in a process of its own, on a store that is new and goes with it. */
export async function runRound(kind: QueueKind, options: RoundOptions, stores: Stores): Promise<RoundResult> {
  const store = await openStore[kind.store](stores)
  try {
    // It is pinned to no core: the database needs them too.
    const child = startChild(kind.main, [store.url, JSON.stringify(options), kind.variant ?? ''])
    try {
      return await nextMessage<RoundResult>(child, kind.name)
    } finally {
      await stopChild(child)
    }
  } finally {
    await store.drop()
  }
}

interface Store {
  url: string
  drop(): Promise<void>
}

let made = 0

const openStore: Record<QueueKind['store'], (stores: Stores) => Promise<Store>> = {
  async SQLite({ folder }) {
    const own = path.join(folder, `sqlite-${++made}`)
    mkdirSync(own, { recursive: true })
    return { url: path.join(own, 'app.db'), drop: async () => rmSync(own, { recursive: true, force: true }) }
  },
  async Redis({ folder }) {
    const { url, stop } = await startRedis(path.join(folder, `redis-${++made}`))
    return { url, drop: stop }
  },
  async PostgreSQL({ postgres }) {
    const name = `monobloc_bench_jobs_${process.pid}_${++made}`
    await query(postgres, `create database ${name} template template0`)
    const url = new URL(postgres)
    url.pathname = `/${name}`
    return { url: url.href, drop: () => query(postgres, `drop database ${name} with (force)`) }
  },
}

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  await client.query(sql).finally(() => client.end())
}
